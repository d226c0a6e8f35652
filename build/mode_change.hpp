// ModeChange: what a symbolic mode of chmod(1) does to a mode: "u=rwX,go=rX", "+x", "g=u". Pure.
#pragma once

#include <sys/stat.h>

#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::build {

class ModeChange {
public:
  /// Clauses with commas between them, each of classes (u g o a; none: all), and one or more of + - = with
  /// permissions (r w x X s t) or classes to copy from. No umask is in it: the same text gives the same mode
  /// everywhere.
  static Result<ModeChange> parse(std::string_view text);

  /// `mode` with its file type: X is for directories, and for files that somebody could execute before.
  mode_t apply(mode_t mode) const;

private:
  struct Operation {
    char what;            // + - =
    mode_t who;           // bits that may change
    mode_t bits = 0;      // permissions, for all classes
    mode_t copy = 0;      // S_IRWXU, S_IRWXG, S_IRWXO: classes to take the permissions of
    bool search = false;  // X
  };
  std::vector<Operation> m_operations;
};

}  // namespace ecrin::build

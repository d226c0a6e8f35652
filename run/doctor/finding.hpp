// What was found out about this host: a line of `ecrin doctor`. Commands that fail for such a reason say the
// same words: the texts come from one place (plan/refusal.hpp, plan/outer_container.hpp, errors of the part
// that failed).
#pragma once

#include <string>

#include "base/error.hpp"

namespace ecrin::run {

struct Finding {
  enum class Level {
    ok,
    note,     // worth knowing; all that ecrin does can be done
    lack,     // something that users may ask for cannot be had
    problem,  // nothing can be built or run
  };
  Level level = Level::ok;
  std::string name;     // "user namespaces", "subuid ranges", "private network", ...
  std::string fact;     // what was found
  std::string meaning;  // what follows for the user; "" when ok
  std::string fix;      // exact command or lines of a file; ""
};

/// From the error that commands end with.
inline Finding finding_of(Finding::Level level, std::string name, const Error& error, std::string meaning) {
  return {.level = level,
          .name = std::move(name),
          .fact = error.message(),
          .meaning = std::move(meaning),
          .fix = error.hint_text()};
}

}  // namespace ecrin::run

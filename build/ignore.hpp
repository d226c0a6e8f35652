// Ignore rules: which files of a context are not part of it. The rules of docker's ignore files: one pattern
// a line, '#' comments, '!' takes back, the last line that matches decides, a pattern that matches a
// directory covers all below, all patterns are anchored at the context's root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "build/pattern.hpp"

namespace ecrin::build {

class IgnoreRules {
public:
  IgnoreRules() = default;
  static Result<IgnoreRules> parse(std::string_view text, std::string_view file);
  static Result<IgnoreRules> from_patterns(const std::vector<std::string>& patterns);

  bool empty() const { return m_rules.empty(); }
  /// Can something below an ignored directory be taken back ('!')? If not, a walk need not enter it.
  bool takes_back() const { return m_takes_back; }

  /// For walks: the state of one path follows from the state of its directory (nullptr: the root's children).
  struct State {
    std::vector<char> matched;  // by rule
    bool ignored = false;
  };
  State state(const State* directory, std::string_view path) const;
  /// For a single path: goes through its directories.
  bool ignores(std::string_view path) const;

private:
  struct Rule {
    Pattern pattern;
    bool take_back = false;
  };
  Result<> add(std::string_view line);
  std::vector<Rule> m_rules;
  bool m_takes_back = false;
};

/// The rules of a context. Only one file counts: the one that is given, else the one beside the recipe
/// (<recipe>.containerignore, <recipe>.dockerignore), else the context's .containerignore or .dockerignore.
struct IgnoreFile {
  std::string name;  // "" = there is none
  IgnoreRules rules;
};
struct IgnorePlaces {
  std::string given;   // absolute; "" = none. It must be there
  std::string recipe;  // absolute; "" = none
};
/// What lies in `root` is read inside of it only, and must be a regular file.
Result<IgnoreFile> read_ignore_file(const Fd& root, const IgnorePlaces& places = {});

}  // namespace ecrin::build

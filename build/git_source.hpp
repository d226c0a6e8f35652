// GitSource: what a git URL of ADD, of a context or of a named context says, in docker's forms:
//   https://host/repo.git#REF:SUBDIRECTORY   also http; the path ends with .git
//   ssh://git@host/repo#...                  git@host:repo#...   git://host/repo#...
//   ...?ref=|tag=|branch=, subdir=, checksum=|commit=, keep-git-dir=, submodules=
// Parsing is pure; git_fetch.hpp asks and fetches.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::build {

struct GitSource {
  std::string remote;        // what git is given: without fragment and query
  std::string reference;     // branch, tag, full name or commit; "" = the remote's HEAD
  std::string subdirectory;  // "" = all; relative, without ".."
  std::string commit;        // must begin so; "" = any
  std::optional<bool> keep_git_directory;
  std::optional<bool> submodules;
};

/// As a context, docker also takes "github.com/..." for a repository; in ADD that is a path.
enum class GitForms { distinguishable, context };
/// Empty: the text is no git URL. An error: it is one, and says something that cannot be.
Result<std::optional<GitSource>> parse_git_source(std::string_view text,
                                                  GitForms forms = GitForms::distinguishable);

/// For messages: no password in it.
std::string display_remote(const GitSource& source);

/// 40 hex digits (or 64, of repositories with SHA-256).
bool is_commit_id(std::string_view text);

}  // namespace ecrin::build

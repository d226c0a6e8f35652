// What the process's surroundings say: environment variables and the passwd entry. The only place that reads
// the environment; everything else gets values. Pure functions take the look-up as an argument, for tests.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace ecrin::cli {

/// A variable's value; empty when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();
/// All variables, "NAME=VALUE": for a program that gets ours.
std::vector<std::string> environment_lines();

/// Where the store is: `option` (--root), $ECRIN_ROOT, $XDG_DATA_HOME/ecrin, $HOME/.local/share/ecrin, and
/// with no HOME the home of the passwd entry (`passwd_home`, "" = none). Absolute.
Result<std::string> store_root(const std::string& option, const Environment& environment,
                               const std::string& passwd_home);
/// The home directory that the passwd entry of this user names; "" = there is none.
std::string passwd_home();

/// Where helper programs are looked for: PATH without its relative parts, then the system's directories (many
/// users have no sbin on their PATH).
std::string helper_search_path(const Environment& environment);

/// http_proxy and its relatives, as far as they are set, in both spellings as they are.
std::map<std::string, std::string> proxy_environment(const Environment& environment);

/// SOURCE_DATE_EPOCH; a value that is not a number is an error, not ignored.
Result<std::optional<std::int64_t>> source_date_epoch(const Environment& environment);

/// Does the user's locale use UTF-8 (so that ticks and spinners can be shown)?
bool has_utf8_locale(const Environment& environment);

enum class Colour { no, yes };
/// Colours on a terminal, unless NO_COLOR is set or the terminal is dumb.
Colour choose_colour(const Environment& environment, bool is_terminal);

/// An absolute path for what the user typed. Not resolved: symlinks and ".." stay. An empty one is an error:
/// a script whose variable is not set means no place at all.
Result<std::string> absolute_path(const std::string& path);

}  // namespace ecrin::cli

#include "cli/environment.hpp"

#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.hpp"

namespace ecrin::cli {

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = ::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

Result<std::string> absolute_path(const std::string& path) {
  if (path.empty()) {
    return std::unexpected(Error(ErrorKind::invalid, "a path is empty")
                               .hint("is a variable of the script not set? '.' is the working directory"));
  }
  if (path.starts_with('/')) return path;
  char buffer[PATH_MAX];
  if (::getcwd(buffer, sizeof buffer) == nullptr) return fail_errno("cannot find the working directory");
  std::string_view rest = path;
  while (rest.starts_with("./")) rest.remove_prefix(2);
  if (rest.empty() || rest == ".") return std::string(buffer);
  return std::string(buffer) + (std::string_view(buffer) == "/" ? "" : "/") + std::string(rest);
}

std::vector<std::string> environment_lines() {
  std::vector<std::string> lines;
  for (char** line = environ; line != nullptr && *line != nullptr; ++line) lines.emplace_back(*line);
  return lines;
}

Result<std::string> store_root(const std::string& option, const Environment& environment,
                               const std::string& passwd_home) {
  if (!option.empty()) return absolute_path(option);
  if (const auto root = environment("ECRIN_ROOT"); root && !root->empty()) return absolute_path(*root);
  // The XDG specification: a relative XDG_DATA_HOME is invalid and is ignored.
  if (const auto data = environment("XDG_DATA_HOME"); data && data->starts_with('/')) return *data + "/ecrin";
  if (const auto home = environment("HOME"); home && home->starts_with('/')) {
    return (*home == "/" ? std::string() : *home) + "/.local/share/ecrin";
  }
  if (passwd_home.starts_with('/')) return passwd_home + "/.local/share/ecrin";
  return std::unexpected(Error(ErrorKind::not_found,
                               "no place for the store: HOME is not set and this user has no "
                               "passwd entry")
                             .hint("name a directory: ecrin --root DIR, or set ECRIN_ROOT"));
}

std::string passwd_home() {
  struct passwd entry;
  struct passwd* found = nullptr;
  std::string buffer(16384, '\0');
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return "";
  return found->pw_dir == nullptr ? "" : found->pw_dir;
}

std::string helper_search_path(const Environment& environment) {
  std::vector<std::string> parts;
  const auto add = [&parts](const std::string& part) {
    if (!part.starts_with('/')) return;
    for (const std::string& known : parts) {
      if (known == part) return;
    }
    parts.push_back(part);
  };
  for (const std::string& part : split(environment("PATH").value_or(""), ':')) add(part);
  for (const char* part : {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"})
    add(part);
  return join(parts, ":");
}

std::map<std::string, std::string> proxy_environment(const Environment& environment) {
  std::map<std::string, std::string> result;
  for (const char* name : {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "HTTP_PROXY",
                           "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}) {
    if (auto value = environment(name); value && !value->empty()) result.emplace(name, *std::move(value));
  }
  return result;
}

Result<std::optional<std::int64_t>> source_date_epoch(const Environment& environment) {
  const auto text = environment("SOURCE_DATE_EPOCH");
  if (!text || text->empty()) return std::nullopt;
  const auto value = parse_unsigned(*text, INT64_MAX);
  if (!value)
    return fail(ErrorKind::invalid, "SOURCE_DATE_EPOCH is '{}', not a number of seconds", printable(*text));
  return static_cast<std::int64_t>(*value);
}

bool has_utf8_locale(const Environment& environment) {
  // locale(7): LC_ALL, then LC_CTYPE, then LANG; the first that is set and not empty decides.
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (const auto value = environment(name); value && !value->empty()) {
      const std::string lower = to_lower(*value);
      return lower.contains("utf-8") || lower.contains("utf8");
    }
  }
  return false;
}

Colour choose_colour(const Environment& environment, bool is_terminal) {
  const auto no_colour = environment("NO_COLOR");
  if (!is_terminal || (no_colour && !no_colour->empty()) || environment("TERM").value_or("dumb") == "dumb") {
    return Colour::no;
  }
  return Colour::yes;
}

}  // namespace ecrin::cli

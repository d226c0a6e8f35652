#include "cli/containers/accounts.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "run/root_file.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_file_limit = 1u << 20;

bool has_number(const std::string& text, std::uint32_t number) {
  const std::string wanted = std::to_string(number);
  return std::ranges::any_of(split(text, '\n'), [&](const std::string& line) {
    const std::vector<std::string> fields = split(line, ':');
    return fields.size() > 2 && fields[2] == wanted;
  });
}

std::string with_line(std::string text, const std::string& line) {
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text + line + '\n';
}

}  // namespace

Person nameless_person(uid_t uid, gid_t gid, const std::string& home) {
  return {.uid = uid,
          .gid = gid,
          .name = std::to_string(uid),
          .group = std::to_string(gid),
          .gecos = "container user",
          .home = home,
          .shell = "/bin/sh"};
}

std::optional<std::string> with_user_added(const std::string& passwd, const Person& person) {
  if (has_number(passwd, person.uid)) return std::nullopt;
  return with_line(passwd, fmt::format("{}:*:{}:{}:{}:{}:{}", person.name, person.uid, person.gid,
                                       person.gecos, person.home, person.shell));
}

std::optional<std::string> with_group_added(const std::string& group, const Person& person) {
  if (has_number(group, person.gid)) return std::nullopt;
  return with_line(group, fmt::format("{}:x:{}:", person.group, person.gid));
}

std::vector<std::pair<std::string, std::string>> account_files(const Fd& rootfs,
                                                               const std::vector<Person>& people) {
  std::vector<std::pair<std::string, std::string>> files;
  const auto add = [&](const char* path, const auto& with_entry) {
    const auto found = run::read_root_file(rootfs, path, k_file_limit);
    if (!found) {
      log::debug("'{}' of the container gets no entry: {}", path, found.error().message());
      return;
    }
    std::string text = found->value_or("");
    bool is_changed = false;
    for (const Person& person : people) {
      auto more = with_entry(text, person);
      if (!more) continue;
      text = std::move(*more);
      is_changed = true;
    }
    if (is_changed) files.emplace_back(path, std::move(text));
  };
  add("/etc/passwd", with_user_added);
  add("/etc/group", with_group_added);
  return files;
}

}  // namespace ecrin::cli

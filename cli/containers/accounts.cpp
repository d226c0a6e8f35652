#include "cli/containers/accounts.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

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

// None: it is no text that something could be added to.
std::optional<std::string> text_of(const Fd& rootfs, const char* path) {
  const auto file = posix::open_in_root(rootfs, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file)
    return file.error().kind() == ErrorKind::not_found ? std::optional<std::string>("") : std::nullopt;
  const auto status = posix::stat_fd(*file);
  if (!status || !S_ISREG(status->st_mode)) return std::nullopt;
  auto text = posix::read_fd(*file, k_file_limit);
  if (!text) {
    log::debug("'{}' of the container gets no entry: {}", path, text.error().message());
    return std::nullopt;
  }
  return std::move(*text);
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
    std::optional<std::string> text = text_of(rootfs, path);
    if (!text) return;
    bool is_changed = false;
    for (const Person& person : people) {
      auto more = with_entry(*text, person);
      if (!more) continue;
      text = std::move(more);
      is_changed = true;
    }
    if (is_changed) files.emplace_back(std::string("/") + path, std::move(*text));
  };
  add("etc/passwd", with_user_added);
  add("etc/group", with_group_added);
  return files;
}

}  // namespace ecrin::cli

#include "fs/recorded_owner.hpp"

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <charconv>

#include "base/text.hpp"

namespace ecrin::fs {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Up to the separator, which is taken away; all that is left when there is none.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// "block-8-1", or the name of another type, which the inode has itself.
bool read_type(std::string_view text, RecordedOwner& owner) {
  const std::string_view name = take(text, '-');
  if (name != "block" && name != "char") return text.empty();
  const auto major_number = number<unsigned>(take(text, '-'));
  const auto minor_number = number<unsigned>(text);
  if (!major_number || !minor_number) return false;
  owner.type = name == "block" ? S_IFBLK : S_IFCHR;
  owner.device = makedev(*major_number, *minor_number);
  return true;
}

}  // namespace

std::string format_recorded_owner(const RecordedOwner& owner, mode_t mode) {
  std::string text = fmt::format("{}:{}:{:o}", owner.uid, owner.gid, mode & 07777);
  if (owner.type != 0)
    text += fmt::format(":{}-{}-{}", owner.type == S_IFBLK ? "block" : "char", major(owner.device),
                        minor(owner.device));
  return text;
}

std::optional<RecordedOwner> parse_recorded_owner(std::string_view text) {
  RecordedOwner owner;
  const auto uid = number<uid_t>(take(text, ':'));
  const auto gid = number<gid_t>(take(text, ':'));
  const auto mode = number<unsigned>(take(text, ':'), 8);
  if (!uid || !gid || !mode) return std::nullopt;
  owner.uid = *uid;
  owner.gid = *gid;
  if (!text.empty() && !read_type(text, owner)) return std::nullopt;
  return owner;
}

void apply_recorded_owner(struct stat& status, const RecordedOwner& owner) {
  status.st_uid = owner.uid;
  status.st_gid = owner.gid;
  if (owner.type == 0 || !S_ISREG(status.st_mode)) return;
  status.st_mode = owner.type | (status.st_mode & 07777);
  status.st_rdev = owner.device;
  status.st_size = 0;
  status.st_blocks = 0;
}

}  // namespace ecrin::fs

#include "run/user_lookup.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "run/root_file.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_file_limit = 16u << 20;
constexpr std::size_t k_line_limit = 1u << 20;
constexpr std::uint64_t k_largest_id = UINT32_MAX - 1;  // (uid_t)-1 means "no change" to the kernel

struct PasswdEntry {
  std::string name;
  uid_t uid;
  gid_t gid;
  std::string home;
};
struct GroupEntry {
  std::string name;
  gid_t gid;
  std::vector<std::string> members;
};

// "" where there is no such file.
Result<std::string> read_account_file(const Fd& rootfs, const char* path) {
  return TRY(read_root_file(rootfs, path, k_file_limit)).value_or("");
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto id = parse_unsigned(text, k_largest_id);
  if (!id) return std::nullopt;
  return static_cast<std::uint32_t>(*id);
}

// Calls `visit` with the fields of each line; it says whether to go on.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.size() > k_line_limit || line.front() == '#') continue;
    if (!visit(split(line, ':'))) return;
  }
}

std::optional<PasswdEntry> parse_passwd(const std::vector<std::string>& fields) {
  if (fields.size() < 4 || fields[0].empty()) return std::nullopt;
  const auto uid = parse_id(fields[2]);
  const auto gid = parse_id(fields[3]);
  if (!uid || !gid) return std::nullopt;
  return PasswdEntry{.name = fields[0], .uid = *uid, .gid = *gid, .home = fields.size() > 5 ? fields[5] : ""};
}

std::optional<GroupEntry> parse_group(const std::vector<std::string>& fields) {
  if (fields.size() < 3 || fields[0].empty()) return std::nullopt;
  const auto gid = parse_id(fields[2]);
  if (!gid) return std::nullopt;
  return GroupEntry{.name = fields[0],
                    .gid = *gid,
                    .members = fields.size() > 3 ? split(fields[3], ',') : std::vector<std::string>()};
}

// By name first: an account may be called "1000". Then by number.
Result<std::optional<PasswdEntry>> find_user(const Fd& rootfs, const std::string& wanted) {
  const std::string text = TRY(read_account_file(rootfs, "/etc/passwd"));
  const auto number = parse_id(wanted);
  std::optional<PasswdEntry> by_name;
  std::optional<PasswdEntry> by_number;
  for_each_line(text, [&](const std::vector<std::string>& fields) {
    auto entry = parse_passwd(fields);
    if (!entry) return true;
    if (entry->name == wanted) {
      by_name = std::move(entry);
      return false;
    }
    if (number && entry->uid == *number && !by_number) by_number = std::move(entry);
    return true;
  });
  return by_name ? by_name : by_number;
}

Result<gid_t> find_group(const Fd& rootfs, const std::string& wanted) {
  const std::string text = TRY(read_account_file(rootfs, "/etc/group"));
  std::optional<gid_t> gid;
  for_each_line(text, [&](const std::vector<std::string>& fields) {
    const auto entry = parse_group(fields);
    if (entry && entry->name == wanted) gid = entry->gid;
    return !gid;
  });
  if (!gid) gid = parse_id(wanted);
  if (gid) return *gid;
  return fail(ErrorKind::not_found, "there is no group '{}' in '/etc/group' of the image", printable(wanted));
}

Result<std::vector<gid_t>> groups_of(const Fd& rootfs, const std::string& user) {
  std::vector<gid_t> groups;
  const std::string text = TRY(read_account_file(rootfs, "/etc/group"));
  for_each_line(text, [&](const std::vector<std::string>& fields) {
    const auto entry = parse_group(fields);
    if (entry && std::ranges::find(entry->members, user) != entry->members.end())
      groups.push_back(entry->gid);
    return groups.size() < 65'536;  // NGROUPS_MAX
  });
  std::ranges::sort(groups);
  const auto repeated = std::ranges::unique(groups);
  groups.erase(repeated.begin(), repeated.end());
  return groups;
}

std::unexpected<Error> no_such_user(const std::string& user) {
  return fail(ErrorKind::not_found, "there is no user '{}' in '/etc/passwd' of the image", printable(user));
}

struct Parts {
  std::string user;
  std::optional<std::string> group;
};
Parts split_owner(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {.user = text};
  return {.user = text.substr(0, colon), .group = text.substr(colon + 1)};
}

}  // namespace

Result<UserIdentity> look_up_user(const Fd& rootfs, const std::string& user) {
  Parts parts = split_owner(user);
  if (parts.user.empty()) parts.user = "0";
  UserIdentity identity;
  const std::optional<PasswdEntry> entry = TRY(find_user(rootfs, parts.user));
  if (entry) {
    identity.uid = entry->uid;
    identity.gid = entry->gid;
    identity.name = entry->name;
    if (entry->home.starts_with('/')) identity.home = entry->home;
  } else if (const auto uid = parse_id(parts.user)) {
    identity.uid = *uid;
    if (*uid == 0) identity.home = "/root";
  } else {
    return no_such_user(parts.user);
  }
  if (parts.group && !parts.group->empty()) {
    // An explicit group stands alone, as docker has it.
    identity.gid = TRY(find_group(rootfs, *parts.group));
  } else if (!identity.name.empty()) {
    identity.additional_gids = TRY(groups_of(rootfs, identity.name));
  }
  // A program that changes its group keeps this one so: a file that shuts the group out must not open to it.
  if (std::ranges::find(identity.additional_gids, identity.gid) == identity.additional_gids.end())
    identity.additional_gids.insert(identity.additional_gids.begin(), identity.gid);
  return identity;
}

Result<Owner> look_up_owner(const Fd& rootfs, const std::string& owner) {
  const Parts parts = split_owner(owner);
  Owner found;
  if (!parts.user.empty()) {
    // A number is taken as it is, also where an entry has it: --chown=1000 means 1000:1000.
    if (const auto uid = parse_id(parts.user)) {
      found = {.uid = *uid, .gid = *uid};
    } else {
      const std::optional<PasswdEntry> entry = TRY(find_user(rootfs, parts.user));
      if (!entry) return no_such_user(parts.user);
      found = {.uid = entry->uid, .gid = entry->gid};
    }
  }
  if (parts.group && !parts.group->empty()) {
    const auto gid = parse_id(*parts.group);
    found.gid = gid ? *gid : TRY(find_group(rootfs, *parts.group));
  }
  return found;
}

}  // namespace ecrin::run

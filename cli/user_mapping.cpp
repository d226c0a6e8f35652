#include "cli/user_mapping.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "fs/id_map.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_keep = "keep-id";

std::unexpected<Error> refused(const std::string& text, const std::string& hint) {
  return std::unexpected(
      Error(ErrorKind::unsupported, fmt::format("--userns '{}' cannot be had", printable(text, 200)))
          .hint(hint));
}

// "uid=N,gid=N" after "keep-id:"
Result<> read_keep_options(UserMapping& mapping, const std::string& options, const std::string& text) {
  for (const std::string& option : split(options, ',')) {
    const std::size_t equals = option.find('=');
    const std::string key = option.substr(0, equals);
    if (key == "size") return refused(text, "all ids of the user's are mapped: there is keep-id:uid=N,gid=N");
    const auto number =
        parse_unsigned(equals == std::string::npos ? "" : option.substr(equals + 1), UINT32_MAX - 1);
    if ((key != "uid" && key != "gid") || !number)
      return fail(ErrorKind::invalid, "--userns is keep-id[:uid=N,gid=N] or host, not '{}'",
                  printable(text, 200));
    (key == "uid" ? mapping.uid : mapping.gid) = static_cast<std::uint32_t>(*number);
  }
  return {};
}

}  // namespace

Flag user_mapping_flag() {
  return {.name = "userns",
          .value = "MODE",
          .help = "keep-id[:uid=N,gid=N]: you have your own number inside; host (default): you are root"};
}

Result<UserMapping> parse_user_mapping(const std::string& text) {
  UserMapping mapping;
  if (text.empty() || text == "host") return mapping;
  if (text.starts_with(k_keep)) {
    mapping.keeps = true;
    const std::string options = text.substr(k_keep.size());
    if (options.empty()) return mapping;
    if (options.starts_with(':')) {
      TRY(read_keep_options(mapping, options.substr(1), text));
      return mapping;
    }
  }
  const std::string kind = text.substr(0, text.find(':'));
  if (kind == "nomap")
    return refused(text, "the images belong to you, so without you nobody could write: see keep-id");
  if (kind == "auto")
    return refused(text, "all containers of a user have the same ids: there are host and keep-id");
  if (kind == "container" || kind == "ns")
    return refused(text, "each container has a user namespace of its own: there are host and keep-id");
  return fail(ErrorKind::invalid, "--userns is keep-id[:uid=N,gid=N] or host, not '{}'",
              printable(text, 200));
}

std::vector<oci::IdMapping> exchanged_ids(std::uint64_t ids, std::uint32_t own) {
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(ids, UINT32_MAX));
  if (own == 0) return {{.container_id = 0, .host_id = 0, .size = count}};
  std::vector<oci::IdMapping> map = {{.container_id = own, .host_id = 0, .size = 1}};
  if (own >= count) {
    if (count > 1) map.push_back({.container_id = 1, .host_id = 1, .size = count - 1});
    return map;
  }
  map.push_back({.container_id = 0, .host_id = own, .size = 1});
  if (own > 1) map.push_back({.container_id = 1, .host_id = 1, .size = own - 1});
  if (own + 1 < count) map.push_back({.container_id = own + 1, .host_id = own + 1, .size = count - own - 1});
  return map;
}

void keep_user(oci::RuntimeConfig& config, const run::Identity& identity, std::uint32_t uid,
               std::uint32_t gid) {
  if (uid == 0 && gid == 0) return;
  config.namespaces.emplace_back(oci::Namespace::user);
  config.uid_mappings = exchanged_ids(fs::contiguous_ids(identity.uids), uid);
  config.gid_mappings = exchanged_ids(fs::contiguous_ids(identity.gids), gid);
}

std::optional<std::uint32_t> id_outside(const std::vector<oci::IdMapping>& mappings, std::uint32_t id) {
  if (mappings.empty()) return id;
  for (const oci::IdMapping& mapping : mappings)
    if (id >= mapping.container_id && id - mapping.container_id < mapping.size)
      return mapping.host_id + (id - mapping.container_id);
  return std::nullopt;
}

}  // namespace ecrin::cli

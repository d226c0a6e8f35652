#include <algorithm>

#include "base/text.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

struct MountReader {
  recipes::Mount mount;
  bool is_typed = false;

  Result<> read_type(const std::string& value) {
    using Type = recipes::Mount::Type;
    if (value == "bind") {
      mount.type = Type::bind;
    } else if (value == "cache") {
      mount.type = Type::cache;
      mount.read_only = false;
    } else if (value == "tmpfs") {
      mount.type = Type::tmpfs;
    } else if (value == "secret") {
      mount.type = Type::secret;
    } else {
      return fail(ErrorKind::invalid, "a mount of a step is bind, cache, tmpfs or secret, not '{}'",
                  printable(value));
    }
    return {};
  }
  static Result<std::uint32_t> number(const std::string& key, const std::string& value, int base) {
    std::uint64_t result = 0;
    const bool digits = !value.empty() && value.size() < 12 &&
                        value.find_first_not_of(base == 8 ? "01234567" : "0123456789") == std::string::npos;
    for (const char digit : value)
      if (digits) result = result * static_cast<unsigned>(base) + static_cast<unsigned>(digit - '0');
    if (!digits || result > (base == 8 ? 07777u : 0xfffffffeu))
      return fail(ErrorKind::invalid, "'{}' of a mount is not a number: '{}'", key, printable(value));
    return static_cast<std::uint32_t>(result);
  }
  static Result<bool> flag(const std::string& key, const std::string& value) {
    if (value.empty() || value == "true" || value == "1") return true;
    if (value == "false" || value == "0") return false;
    return fail(ErrorKind::invalid, "'{}' of a mount is true or false, not '{}'", key, printable(value));
  }
  Result<> read_sharing(const std::string& value) {
    using Sharing = recipes::Mount::Sharing;
    if (value == "shared") {
      mount.sharing = Sharing::shared;
    } else if (value == "private") {
      mount.sharing = Sharing::private_copy;
    } else if (value == "locked") {
      mount.sharing = Sharing::locked;
    } else {
      return fail(ErrorKind::invalid, "a cache is shared, private or locked, not '{}'", printable(value));
    }
    return {};
  }
  Result<> read(const std::string& key, const std::string& value) {
    if (key == "type") return read_type(value);
    if (key == "target" || key == "dst" || key == "destination") {
      mount.target = value;
    } else if (key == "source" || key == "src") {
      mount.source = value;
    } else if (key == "from") {
      mount.from = value;
    } else if (key == "id") {
      mount.id = value;
    } else if (key == "env" && mount.type == recipes::Mount::Type::secret) {
      mount.environment = value;
    } else if (key == "ro" || key == "readonly") {
      mount.read_only = TRY(flag(key, value));
    } else if (key == "rw" || key == "readwrite") {
      mount.read_only = !TRY(flag(key, value));
    } else if (key == "required") {
      mount.required = TRY(flag(key, value));
    } else if (key == "sharing") {
      return read_sharing(value);
    } else if (key == "mode") {
      mount.mode = TRY(number(key, value, 8));
    } else if (key == "uid") {
      mount.uid = TRY(number(key, value, 10));
    } else if (key == "gid") {
      mount.gid = TRY(number(key, value, 10));
    } else if (key == "size" || key == "tmpfs-size") {
      mount.size = TRY(parse_size(value));
    } else {
      return fail(ErrorKind::invalid, "unknown key '{}' of a mount", printable(key));
    }
    return {};
  }
};

}  // namespace

Result<recipes::Mount> parse_step_mount(std::string_view text) {
  MountReader reader;
  std::vector<std::pair<std::string, std::string>> parts;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    parts.emplace_back(part.substr(0, equals), equals == std::string::npos ? "" : part.substr(equals + 1));
  }
  // The type says what the others mean, wherever it stands.
  std::ranges::stable_partition(parts, [](const auto& part) { return part.first == "type"; });
  for (const auto& [key, value] : parts)
    TRY_WHILE(reader.read(key, value), "reading --mount '{}'", printable(text));
  recipes::Mount& mount = reader.mount;
  using Type = recipes::Mount::Type;
  if (mount.type == Type::secret && mount.id.empty()) {
    mount.id = mount.source.empty() ? mount.target.substr(mount.target.rfind('/') + 1) : mount.source;
    mount.source.clear();
    if (mount.id.empty())
      return fail(ErrorKind::invalid, "--mount '{}' names no secret: id=NAME", printable(text));
  }
  // As a recipe has it, so that both give the same key.
  if (mount.type == Type::cache && mount.id.empty()) mount.id = mount.target;
  if (mount.type != Type::secret && mount.target.empty())
    return fail(ErrorKind::invalid, "--mount '{}' has no target", printable(text));
  return std::move(mount);
}

}  // namespace ecrin::cli

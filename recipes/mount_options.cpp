#include "recipes/mount_options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "base/text.hpp"
#include "recipes/diagnostics.hpp"
#include "recipes/file_mode.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::string_view k_keys[] = {
    "destination", "dst",       "env",      "from",    "gid",    "id",  "mode",   "readonly", "ro", "rw",
    "size",        "readwrite", "required", "sharing", "source", "src", "target", "type",     "uid"};
constexpr std::string_view k_bare_keys[] = {"readonly", "readwrite", "required", "ro", "rw"};
constexpr std::string_view k_types[] = {"bind", "cache", "tmpfs", "secret", "ssh"};  // as Mount::Type
constexpr std::string_view k_sharings[] = {"shared", "private", "locked"};           // as Mount::Sharing

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

std::string near(std::string_view word, std::span<const std::string_view> candidates) {
  return word.size() < 64 ? did_you_mean(word, candidates) : "";
}

std::unexpected<Error> refuse(std::string message, std::string hint = "") {
  Error error(ErrorKind::invalid, std::move(message));
  if (hint.empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).hint(std::move(hint)));
}

/// None: quotes that do not end, or that stand in the midst of a field.
std::optional<std::vector<std::string>> split_fields(std::string_view text) {
  std::vector<std::string> fields(1);
  std::size_t at = 0;
  for (;;) {
    if (at < text.size() && text[at] == '"') {
      for (++at;; ++at) {
        if (at >= text.size()) return {};
        if (text[at] == '"') {
          if (at + 1 >= text.size() || text[at + 1] != '"') break;
          ++at;
        }
        fields.back() += text[at];
      }
      ++at;
      if (at < text.size() && text[at] != ',') return {};
    } else {
      const std::size_t end = std::min(text.find(',', at), text.size());
      fields.back() = text.substr(at, end - at);
      if (fields.back().contains('"')) return {};
      at = end;
    }
    if (at >= text.size()) return fields;
    ++at;
    fields.emplace_back();
  }
}

/// Without doubled slashes, "." and a slash at the end: one cache has one name.
std::string plain_path(std::string_view path) {
  std::vector<std::string> names;
  for (std::string& name : split(path, '/')) {
    if (!name.empty() && name != ".") names.push_back(std::move(name));
  }
  return (path.starts_with('/') ? "/" : "") + join(names, "/");
}

Result<bool> read_switch(std::string_view key, const std::optional<std::string>& value) {
  static constexpr std::string_view k_true[] = {"1", "t", "T", "true", "TRUE", "True"};
  static constexpr std::string_view k_false[] = {"0", "f", "F", "false", "FALSE", "False"};
  if (!value || is_one_of(*value, k_true)) return true;
  if (is_one_of(*value, k_false)) return false;
  return refuse(fmt::format("'{}' of a mount is true or false, not '{}'", key, printable(*value, 40)));
}

/// One mount while its options are read; which of them were said decides much.
class MountReader {
public:
  /// First: what the others mean depends on it.
  Result<> read_type(const std::string& value);
  Result<> read(const std::string& key, const std::optional<std::string>& value);
  Result<Mount> finish() &&;

private:
  std::string_view type_name() const { return k_types[static_cast<int>(m_mount.type)]; }
  Result<> check_key(std::string_view key) const;
  Result<> read_value(const std::string& key, const std::string& value);
  Result<> finish_secret();

  Mount m_mount;
  std::optional<bool> m_read_only;
  bool m_has_source = false;
  bool m_has_environment = false;
};

Result<> MountReader::read_type(const std::string& value) {
  const auto* found = std::ranges::find(k_types, to_lower(value));
  if (found == std::end(k_types)) {
    return refuse(fmt::format("no mount of type '{}'{}", printable(value, 40), near(value, k_types)),
                  "there are bind, cache, tmpfs, secret and ssh");
  }
  m_mount.type = static_cast<Mount::Type>(found - std::begin(k_types));
  return {};
}

Result<> MountReader::check_key(std::string_view key) const {
  using Type = Mount::Type;
  const Type type = m_mount.type;
  bool right = true;
  if (key == "required") right = type == Type::secret || type == Type::ssh;
  if (key == "size") right = type == Type::tmpfs;
  if (key == "sharing") right = type == Type::cache;
  if (key == "mode" || key == "uid" || key == "gid") right = type != Type::bind && type != Type::tmpfs;
  if (key == "env") right = type == Type::secret;
  if (key == "from") right = type != Type::secret;
  if (right) return {};
  return refuse(fmt::format("a mount of type '{}' has no '{}'", type_name(), key));
}

Result<> MountReader::read(const std::string& key, const std::optional<std::string>& value) {
  if (key == "type") return {};  // known already
  TRY(check_key(key));
  if (!is_one_of(key, k_bare_keys)) return read_value(key, value.value_or(""));
  const bool said = TRY(read_switch(key, value));
  if (key == "required") {
    m_mount.required = said;
  } else {
    m_read_only = said == (key == "readonly" || key == "ro");
  }
  return {};
}

Result<> MountReader::read_value(const std::string& key, const std::string& value) {
  const auto wrong = [&](std::string_view is) {
    return refuse(fmt::format("'{}' of a mount is {}, not '{}'", key, is, printable(value, 40)));
  };
  if (key == "from") {
    m_mount.from = value;
  } else if (key == "source" || key == "src") {
    m_mount.source = value;
    m_has_source = !value.empty();
  } else if (key == "target" || key == "dst" || key == "destination") {
    m_mount.target = value;
  } else if (key == "size") {
    const auto size = parse_size(value);
    if (!size) return wrong("like 64m");
    m_mount.size = *size;
  } else if (key == "id") {
    m_mount.id = value;
  } else if (key == "sharing") {
    const auto* found = std::ranges::find(k_sharings, to_lower(value));
    if (found == std::end(k_sharings)) return wrong("shared, private or locked");
    m_mount.sharing = static_cast<Mount::Sharing>(found - std::begin(k_sharings));
  } else if (key == "mode") {
    const auto mode = parse_octal_mode(value);
    if (!mode) return wrong("an octal mode like 0755");
    m_mount.mode = *mode;
  } else if (key == "uid" || key == "gid") {
    const auto id = parse_unsigned(value, UINT32_MAX - 1);
    if (!id) return wrong("a number");
    (key == "uid" ? m_mount.uid : m_mount.gid) = static_cast<std::uint32_t>(*id);
  } else if (key == "env") {
    m_mount.environment = value;
    m_has_environment = true;
  }
  return {};
}

Result<> MountReader::finish_secret() {
  Mount& mount = m_mount;
  if (m_has_source && !mount.id.empty())
    return refuse("a mount of type 'secret' has an 'id' or a 'source', not both");
  if (m_has_source) mount.id = std::move(mount.source);
  mount.source.clear();
  const auto last_name = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  if (mount.id.empty()) mount.id = last_name(mount.target);
  if (mount.id.empty())
    return refuse("a mount of type 'secret' needs an 'id' or a 'target'", "write type=secret,id=NAME");
  if (m_has_environment && mount.environment.empty()) mount.environment = mount.id;
  if (mount.target.empty() && mount.environment.empty()) mount.target = "/run/secrets/" + last_name(mount.id);
  return {};
}

Result<Mount> MountReader::finish() && {
  using Type = Mount::Type;
  Mount& mount = m_mount;
  mount.read_only = m_read_only.value_or(mount.type != Type::cache && mount.type != Type::tmpfs);
  if (mount.type == Type::secret) {
    TRY(finish_secret());
    return std::move(mount);
  }
  if (mount.type == Type::ssh) {
    if (m_has_source) return refuse("a mount of type 'ssh' has no 'source'");
    if (mount.id.empty()) mount.id = "default";
    return std::move(mount);
  }
  // The work directory, where nothing says more.
  if (mount.target.empty()) mount.target = ".";
  if (mount.target.find_first_not_of('/') == std::string::npos)
    return refuse("a mount cannot take the place of the root directory");
  if (mount.type == Type::cache && mount.id.empty()) mount.id = plain_path(mount.target);
  if (mount.type == Type::cache && mount.from == "scratch") mount.from.clear();
  if (mount.type == Type::bind && mount.source.empty()) mount.source = "/";
  return std::move(mount);
}

bool has_variable(const std::optional<std::string>& value) {
  return value && value->contains('$');
}

}  // namespace

Result<MountOptions> split_mount_options(std::string_view text) {
  const std::optional<std::vector<std::string>> fields = split_fields(text);
  if (!fields) return refuse("the quotes of this mount do not enclose whole fields");
  MountOptions options;
  for (const std::string& field : *fields) {
    // Buildah's words for SELinux: what a step binds is relabelled. Steps here have no labels of their own.
    if (field == "z" || field == "Z") continue;
    const std::size_t equals = field.find('=');
    const std::string key = to_lower(field.substr(0, equals));
    if (!is_one_of(key, k_keys))
      return refuse(fmt::format("unknown key '{}' of a mount{}", printable(key, 40), near(key, k_keys)));
    if (equals != std::string::npos) {
      options.emplace_back(key, field.substr(equals + 1));
    } else if (is_one_of(key, k_bare_keys)) {
      options.emplace_back(key, std::nullopt);
    } else {
      return refuse(fmt::format("'{}' of a mount needs a value", key));
    }
  }
  return options;
}

Result<> check_mount_options(const MountOptions& options) {
  MountReader reader;
  for (const auto& [key, value] : options) {
    if (key != "type") continue;
    if (has_variable(value)) return {};  // nothing can be said without it
    TRY(reader.read_type(value.value_or("")));
  }
  bool is_whole = true;
  for (const auto& [key, value] : options) {
    if (has_variable(value)) {
      is_whole = false;
    } else {
      TRY(reader.read(key, value));
    }
  }
  if (is_whole) TRY(std::move(reader).finish());
  return {};
}

Result<Mount> make_mount(const MountOptions& options) {
  MountReader reader;
  for (const auto& [key, value] : options)
    if (key == "type") TRY(reader.read_type(value.value_or("")));
  for (const auto& [key, value] : options) TRY(reader.read(key, value));
  return std::move(reader).finish();
}

}  // namespace ecrin::recipes

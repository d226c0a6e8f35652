// The value of RUN --mount: fields as in a line of CSV, each KEY=VALUE.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/instructions.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr std::string_view k_keys[] = {
    "destination", "dst",       "env",      "from",    "gid",    "id",  "mode",   "readonly", "ro", "rw",
    "size",        "readwrite", "required", "sharing", "source", "src", "target", "type",     "uid"};
constexpr std::string_view k_types[] = {"bind", "cache", "secret", "ssh", "tmpfs"};
constexpr std::string_view k_sharings[] = {"locked", "private", "shared"};
constexpr std::string_view k_bare_keys[] = {"readonly", "readwrite", "required", "ro", "rw"};
constexpr std::string_view k_booleans[] = {"1",    "0",     "t",    "f",     "T",    "F",
                                           "true", "false", "True", "False", "TRUE", "FALSE"};

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Fields of one line of CSV. None: quotes that do not end, or that stand in the midst of a field.
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

class MountReader {
public:
  MountReader(const InstructionText& text, const Word& value) : m_text(text), m_value(value) {}

  Result<MountFlag> read() {
    const std::optional<std::vector<std::string>> fields = split_fields(m_value.text);
    if (!fields) return refuse("the quotes of this mount do not enclose whole fields");
    m_mount.span = m_value.span;
    for (const std::string& field : *fields) {
      // Buildah's words for SELinux: what a step binds is relabelled. Steps here have no labels of their own.
      if (field != "z" && field != "Z") TRY(read_field(field));
    }
    m_type = value_of({"type"}).value_or("bind");
    m_type_is_known = !m_type.contains('$');
    m_type = to_lower(m_type);
    if (m_type_is_known && !is_one_of(m_type, k_types)) {
      return refuse(fmt::format("no mount of type '{}'{}", printable(m_type, 40), near(m_type, k_types)));
    }
    for (const auto& [key, value] : m_mount.options) TRY(check_option(key, value));
    if (m_type_is_known && m_type == "secret") TRY(check_secret());
    return std::move(m_mount);
  }

private:
  std::unexpected<Error> refuse(std::string_view message) const {
    return m_text.refuse(m_value.span, message);
  }

  static std::string near(std::string_view word, std::span<const std::string_view> candidates) {
    return word.size() < 64 ? did_you_mean(word, candidates) : "";
  }

  Result<> read_field(std::string_view field) {
    const std::size_t equals = field.find('=');
    const std::string key = to_lower(field.substr(0, equals));
    if (!is_one_of(key, k_keys)) {
      return refuse(fmt::format("unknown key '{}' of a mount{}", printable(key, 40), near(key, k_keys)));
    }
    if (equals == std::string_view::npos) {
      if (!is_one_of(key, k_bare_keys)) return refuse(fmt::format("'{}' of a mount needs a value", key));
      m_mount.options.emplace_back(key, std::nullopt);
      return {};
    }
    m_mount.options.emplace_back(key, std::string(field.substr(equals + 1)));
    return {};
  }

  std::optional<std::string> value_of(std::initializer_list<std::string_view> keys) const {
    std::optional<std::string> result;
    for (const auto& [key, value] : m_mount.options) {
      if (is_one_of(key, keys)) result = value;
    }
    return result;
  }

  Result<> check_option(const std::string& key, const std::optional<std::string>& value) const {
    TRY(check_key_of_type(key));
    if (!value) return {};
    if (key == "from") {
      const std::size_t dollar = value->find('$');
      if (dollar == std::string::npos || dollar + 1 == value->size()) return {};
      return m_text.refuse(m_value.span, "'from' of a mount cannot hold a variable",
                           "write a stage 'FROM IMAGE AS NAME' and mount from NAME");
    }
    if (value->contains('$')) return {};
    bool right = true;
    if (is_one_of(key, k_bare_keys)) right = is_one_of(*value, k_booleans);
    if (key == "sharing") right = is_one_of(to_lower(*value), k_sharings);
    if (key == "mode") right = is_octal(*value);
    if (key == "uid" || key == "gid") right = parse_unsigned(*value, UINT32_MAX).has_value();
    if (key == "size") right = parse_size(*value).has_value();
    if (right) return {};
    return refuse(fmt::format("'{}' is not a value for '{}' of a mount{}", printable(*value, 40), key,
                              key == "sharing" ? near(*value, k_sharings) : ""));
  }

  static bool is_octal(std::string_view text) {
    return !text.empty() && text.size() <= 10 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
  }

  Result<> check_key_of_type(const std::string& key) const {
    if (!m_type_is_known) return {};
    bool right = true;
    if (key == "required") right = m_type == "secret" || m_type == "ssh";
    if (key == "size") right = m_type == "tmpfs";
    if (key == "sharing") right = m_type == "cache";
    if (key == "mode" || key == "uid" || key == "gid") right = m_type != "bind" && m_type != "tmpfs";
    if (key == "from") right = m_type != "secret";
    if (right) return {};
    return refuse(fmt::format("a mount of type '{}' has no '{}'", m_type, key));
  }

  Result<> check_secret() const {
    const std::string source = value_of({"source", "src"}).value_or("");
    const std::string id = value_of({"id"}).value_or("");
    const std::string target = value_of({"target", "dst", "destination"}).value_or("");
    if (source.empty() && id.empty() && target.empty()) {
      return m_text.refuse(m_value.span, "a mount of type 'secret' needs an 'id'",
                           "write --mount=type=secret,id=NAME");
    }
    if (!source.empty() && !id.empty())
      return refuse("'id' and 'source' of a secret mount are the same thing twice");
    return {};
  }

  const InstructionText& m_text;
  const Word& m_value;
  MountFlag m_mount;
  std::string m_type;
  bool m_type_is_known = false;
};

}  // namespace

Result<MountFlag> read_mount(const InstructionText& text, const Word& value) {
  return MountReader(text, value).read();
}

}  // namespace ecrin::recipes::containerfile

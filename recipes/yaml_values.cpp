#include "recipes/yaml_values.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "recipes/file_mode.hpp"
#include "recipes/ports.hpp"

namespace ecrin::recipes {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_visible(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 0x7F;
  });
}

/// Does the path, read from some root, ever go above it?
bool leaves_its_root(std::string_view path) {
  int depth = 0;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return true;
  }
  return false;
}

enum class NameRule { variable, label };

Result<std::vector<KeyValue>> read_pairs(Scope& scope, const YamlNode& node, std::string_view what,
                                         NameRule rule) {
  if (node.kind != YamlNode::Kind::mapping) {
    return scope.refuse(node.span, fmt::format("{} must be a mapping of names to values", what),
                        "write 'NAME: value', one a line");
  }
  std::vector<KeyValue> result;
  for (const YamlMember& member : node.members) {
    const bool good = is_visible(member.key) && (rule == NameRule::label || !member.key.contains('='));
    if (!good) {
      return scope.refuse(member.key_span,
                          fmt::format("'{}' cannot be a name in {}", printable(member.key, 80), what));
    }
    const std::string name = fmt::format("'{}' of {}", printable(member.key, 80), what);
    if (member.value->kind == YamlNode::Kind::null) {
      return scope.refuse(member.value->span, fmt::format("{} has no value", name),
                          R"(write "" for an empty text, "~" or "null" for those words)");
    }
    result.emplace_back(member.key, TRY(read_text(scope, *member.value, name)));
  }
  return result;
}

}  // namespace

Result<std::vector<KeyValue>> read_variables(Scope& scope, const YamlNode& node, std::string_view what) {
  return read_pairs(scope, node, what, NameRule::variable);
}

Result<std::vector<KeyValue>> read_labels(Scope& scope, const YamlNode& node, std::string_view what) {
  return read_pairs(scope, node, what, NameRule::label);
}

Result<std::uint32_t> read_mode(Scope& scope, const YamlNode& node, std::string_view what) {
  const std::string text = TRY(read_text(scope, node, what));
  std::string_view digits = text;
  if (digits.starts_with("0o")) {
    digits.remove_prefix(2);
  } else if (digits.starts_with('0') && digits.size() > 1) {
    digits.remove_prefix(1);
  } else if (digits != "0") {
    const bool octal =
        is_digits(digits) && digits.size() <= 4 && digits.find_first_of("89") == std::string_view::npos;
    return scope.refuse(
        node.span, fmt::format("{} must be octal and begin with 0, not '{}'", what, printable(text, 40)),
        octal ? fmt::format("write 0{0} if {0} is meant in octal", text) : "as in 0644 or 0755");
  }
  if (const auto mode = parse_octal_mode(digits)) return *mode;
  return scope.refuse(
      node.span, fmt::format("{} must be an octal number up to 07777, not '{}'", what, printable(text, 40)));
}

Result<std::vector<InlineFile>> read_files(Scope& scope, const YamlNode& node, std::string_view what) {
  if (node.kind != YamlNode::Kind::mapping || node.members.empty()) {
    return scope.refuse(node.span, fmt::format("{} must be a mapping of names to contents", what),
                        "as in {hello.txt: \"Hello\\n\"}");
  }
  std::vector<InlineFile> files;
  for (const YamlMember& member : node.members) {
    const std::string& name = member.key;
    if (!is_visible(name) || name.contains('/') || name == "." || name == ".." || name.size() > 255) {
      return scope.refuse(member.key_span,
                          fmt::format("'{}' cannot be the name of a file in {}", printable(name, 80), what));
    }
    std::string content =
        TRY(read_literal(scope, *member.value, fmt::format("the content of '{}'", printable(name, 80))));
    files.push_back({name, std::move(content)});
  }
  return files;
}

Result<std::string> read_owner(Scope& scope, const YamlNode& node, std::string_view what) {
  std::string text = TRY(read_word(scope, node, what));
  const std::vector<std::string> parts = split(text, ':');
  const bool good = is_visible(text) && parts.size() <= 2 &&
                    std::none_of(parts.begin(), parts.end(),
                                 [](const std::string& part) { return part.empty() || part.contains('/'); });
  if (!good) {
    return scope.refuse(node.span,
                        fmt::format("{} must be 'user' or 'user:group' (names or numbers), not '{}'", what,
                                    printable(text, 80)));
  }
  return text;
}

Result<std::string> read_tree_path(Scope& scope, const YamlNode& node, std::string_view what) {
  std::string path = TRY(read_word(scope, node, what));
  if (leaves_its_root(path)) {
    return scope.refuse(node.span, fmt::format("{} leaves its root by '..': '{}'", what, printable(path, 80)),
                        "only what lies in the context (or the stage, or the image) can be used");
  }
  return path;
}

Result<std::string> read_context_path(Scope& scope, const YamlNode& node, std::string_view what) {
  std::string path = TRY(read_tree_path(scope, node, what));
  if (path.starts_with('/')) {
    return scope.refuse(node.span, fmt::format("{} must be a path relative to the context, not '{}'", what,
                                               printable(path, 80)));
  }
  return path;
}

Result<std::string> read_absolute_path(Scope& scope, const YamlNode& node, std::string_view what) {
  std::string path = TRY(read_tree_path(scope, node, what));
  if (!path.starts_with('/')) {
    return scope.refuse(node.span,
                        fmt::format("{} must be an absolute path, not '{}'", what, printable(path, 80)));
  }
  return path;
}

Result<std::vector<std::string>> read_ports(Scope& scope, const YamlNode& node, std::string_view what) {
  const std::string text = TRY(read_word(scope, node, what));
  const std::optional<PortRange> range = parse_port_range(text);
  if (!range || range->first == 0 || text != to_lower(text)) {
    return scope.refuse(
        node.span,
        fmt::format("{} must be like 80, 53/udp or 8000-8010/tcp, not '{}'", what, printable(text, 40)),
        text.contains(':') ? "a recipe names the container's port; 'ecrin run -p' publishes it"
                           : "1 to 65535, with /tcp, /udp or /sctp");
  }
  auto ports = each_port(*range, scope.expansion_budget);
  if (ports) return ports;
  return std::unexpected(diagnose(scope.source, node.span, ports.error().message(), ErrorKind::limit));
}

Result<std::int64_t> read_duration(Scope& scope, const YamlNode& node, std::string_view what) {
  const std::string text = TRY(read_word(scope, node, what));
  if (const auto value = parse_duration(text)) return *value;
  return scope.refuse(node.span, fmt::format("{} must be a duration like 30s, 500ms or 1m30s, not '{}'", what,
                                             printable(text, 40)));
}

Result<std::string> read_signal(Scope& scope, const YamlNode& node, std::string_view what) {
  std::string text = TRY(read_word(scope, node, what));
  // As it is written, as in a Containerfile, so that each can become the other.
  if (const Result<int> signal = parse_signal(text); !signal)
    return scope.refuse(node.span, signal.error().message());
  return text;
}

Result<std::string> read_sha256(Scope& scope, const YamlNode& node, std::string_view what) {
  std::string text = TRY(read_word(scope, node, what));
  if (text.starts_with("sha256:")) text.erase(0, 7);
  const bool good = text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!good) {
    return scope.refuse(node.span, fmt::format("{} must be a SHA-256: 64 hex digits in lower case", what),
                        "'sha256sum FILE' prints it");
  }
  return text;
}

}  // namespace ecrin::recipes

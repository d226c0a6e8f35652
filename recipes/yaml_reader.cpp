#include "recipes/yaml_reader.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace ecrin::recipes {
namespace {

/// Words of other tools and what they are called here. Used only where the second word is allowed.
struct Synonym {
  std::string_view theirs;
  std::string_view ours;
};
constexpr std::array k_synonyms = std::to_array<Synonym>({
    {"archives", "archive"},
    {"arg", "args"},
    {"base", "from"},
    {"build_args", "args"},
    {"build-args", "args"},
    {"chmod", "mode"},
    {"chown", "owner"},
    {"command", "cmd"},
    {"contents", "content"},
    {"destination", "dest"},
    {"digest", "checksum"},
    {"distribution", "bootstrap"},
    {"dst", "dest"},
    {"dst", "target"},
    {"environment", "env"},
    {"expose", "ports"},
    {"file", "archive"},
    {"ignore", "exclude"},
    {"image", "from"},
    {"inline", "content"},
    {"layout", "oci"},
    {"maintainer", "labels"},
    {"onbuild", "steps"},
    {"packages", "include"},
    {"path", "dest"},
    {"release", "suite"},
    {"ro", "read_only"},
    {"rw", "read_only"},
    {"script", "run"},
    {"sha256", "checksum"},
    {"source", "src"},
    {"src", "source"},
    {"tag", "name"},
    {"target", "dest"},
    {"test", "healthcheck"},
    {"text", "content"},
    {"timestamp", "epoch"},
    {"url", "rootfs"},
    {"url", "src"},
    {"variables", "env"},
    {"working_dir", "workdir"},
});

std::string_view kind_name(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return "a text";
    case YamlNode::Kind::sequence:
      return "a list";
    case YamlNode::Kind::mapping:
      return "a mapping";
  }
  return "";
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

std::string suggest_key(std::string_view word, Keys known) {
  const std::string lower = to_lower(word);
  if (const auto same = std::find(known.begin(), known.end(), lower); same != known.end()) {
    return fmt::format(" (did you mean '{}'?)", *same);
  }
  for (const Synonym& synonym : k_synonyms) {
    if (synonym.theirs == lower && std::find(known.begin(), known.end(), synonym.ours) != known.end()) {
      return fmt::format(" (did you mean '{}'?)", synonym.ours);
    }
  }
  return did_you_mean(word, known);
}

Result<> check_mapping(const Scope& scope, const YamlNode& node, std::string_view what, Keys known) {
  if (node.kind != YamlNode::Kind::mapping) {
    return scope.refuse(node.span, fmt::format("{} must be a mapping, not {}", what, kind_name(node)));
  }
  for (const YamlMember& member : node.members) {
    if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
    return scope.refuse(member.key_span, fmt::format("unknown key '{}' in {}{}", printable(member.key, 80),
                                                     what, suggest_key(member.key, known)));
  }
  return {};
}

Result<> check_misplaced(const Scope& scope, const YamlNode& node, std::string_view what, Keys here,
                         Keys elsewhere, std::string_view where) {
  for (const YamlMember& member : node.members) {
    const auto is_in = [&](Keys keys) {
      return std::find(keys.begin(), keys.end(), member.key) != keys.end();
    };
    if (!is_in(here) && is_in(elsewhere)) {
      return scope.refuse(member.key_span, fmt::format("unknown key '{}' in {}", member.key, what),
                          fmt::format("'{}' belongs {}", member.key, where));
    }
  }
  return {};
}

Result<const YamlNode*> require(const Scope& scope, const YamlNode& mapping, std::string_view key,
                                std::string_view what) {
  if (const YamlNode* node = mapping.find(key)) return node;
  return scope.refuse(mapping.span, fmt::format("{} needs a '{}'", what, key));
}

Result<std::string> read_literal(const Scope& scope, const YamlNode& node, std::string_view what) {
  if (node.kind == YamlNode::Kind::null) {
    return scope.refuse(node.span, fmt::format("{} has no value", what));
  }
  if (node.kind != YamlNode::Kind::scalar) {
    return scope.refuse(node.span, fmt::format("{} must be a text, not {}", what, kind_name(node)));
  }
  if (node.text.contains('\0')) return scope.refuse(node.span, fmt::format("{} holds a NUL character", what));
  return node.text;
}

Span locate(const SourceText& source, const YamlNode& node, std::size_t begin, std::size_t length) {
  // The n-th occurrence in the value is the n-th in the source, unless escapes or folding change the piece.
  const std::string_view value = node.text;
  const std::string_view piece = value.substr(begin, length);
  if (piece.empty()) return node.span;
  std::size_t at = node.span.begin;
  for (std::size_t place = value.find(piece);; place = value.find(piece, place + piece.size())) {
    at = source.text().find(piece, at);
    if (at == std::string_view::npos) return node.span;
    if (place >= begin) return {at, length};
    at += piece.size();
  }
}

Result<std::string> read_text(Scope& scope, const YamlNode& node, std::string_view what) {
  const std::string text = TRY(read_literal(scope, node, what));
  auto expanded = expand(text, scope.arguments, scope.expansion_budget);
  if (expanded) return std::move(*expanded);
  ExpandFailure& failure = expanded.error();
  if (scope.later_arguments.contains(failure.undeclared)) {
    failure.message = fmt::format("argument '{}' is declared further down", failure.undeclared);
    failure.hint = "a default can use the arguments above it";
  }
  Error error = diagnose(scope.source, locate(scope.source, node, failure.begin, failure.length),
                         failure.message, failure.kind);
  if (failure.hint.empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).hint(failure.hint));
}

Result<std::string> read_word(Scope& scope, const YamlNode& node, std::string_view what) {
  std::string text = TRY(read_text(scope, node, what));
  if (text.empty()) return scope.refuse(node.span, fmt::format("{} is empty", what));
  if (has_control_character(text)) {
    return scope.refuse(node.span, fmt::format("{} holds a line break or another control character", what));
  }
  return text;
}

Result<std::vector<std::string>> read_list(Scope& scope, const YamlNode& node, std::string_view what) {
  if (node.kind != YamlNode::Kind::sequence) {
    return scope.refuse(node.span, fmt::format("{} must be a list, not {}", what, kind_name(node)));
  }
  std::vector<std::string> result;
  const std::string item = fmt::format("an item of {}", what);
  for (const YamlNodePtr& entry : node.items) result.push_back(TRY(read_text(scope, *entry, item)));
  return result;
}

Result<std::vector<std::string>> read_text_or_list(Scope& scope, const YamlNode& node,
                                                   std::string_view what) {
  if (node.kind == YamlNode::Kind::sequence) return read_list(scope, node, what);
  if (node.kind == YamlNode::Kind::mapping) {
    return scope.refuse(node.span, fmt::format("{} must be a text or a list, not a mapping", what));
  }
  return std::vector<std::string>{TRY(read_text(scope, node, what))};
}

Result<std::vector<std::string>> read_command_list(Scope& scope, const YamlNode& node,
                                                   std::string_view what) {
  if (node.kind == YamlNode::Kind::scalar) {
    return scope.refuse(node.span, fmt::format("{} must be a list: a program and its arguments", what),
                        R"(write ["/bin/app", "--flag"], or ["/bin/sh", "-c", "..."] for a line of shell)");
  }
  std::vector<std::string> result = TRY(read_list(scope, node, what));
  if (!result.empty() && result[0].empty()) {
    return scope.refuse(node.items[0]->span, fmt::format("{} names no program", what));
  }
  return result;
}

Result<bool> read_bool(Scope& scope, const YamlNode& node, std::string_view what) {
  const std::string text = TRY(read_text(scope, node, what));
  if (text == "true") return true;
  if (text == "false") return false;
  return scope.refuse(node.span,
                      fmt::format("{} must be true or false, not '{}'", what, printable(text, 40)));
}

Result<std::uint64_t> read_unsigned(Scope& scope, const YamlNode& node, std::string_view what,
                                    std::uint64_t maximum) {
  const std::string text = TRY(read_text(scope, node, what));
  const Result<std::uint64_t> number = parse_unsigned(text, maximum);
  if (number) return *number;
  return scope.refuse(node.span, fmt::format("{} must be a whole number from 0 to {}, not '{}'", what,
                                             maximum, printable(text, 40)));
}

Result<std::string> read_choice(Scope& scope, const YamlNode& node, std::string_view what, Keys words) {
  std::string text = TRY(read_text(scope, node, what));
  if (std::find(words.begin(), words.end(), text) != words.end()) return text;
  std::string list;
  for (const std::string_view word : words) list += fmt::format("{}'{}'", list.empty() ? "" : ", ", word);
  const std::string near = did_you_mean(text, words);
  return scope.refuse(node.span, fmt::format("{} cannot be '{}'{}", what, printable(text, 80), near),
                      fmt::format("it can be {}", list));
}

}  // namespace ecrin::recipes

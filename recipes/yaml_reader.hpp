// Typed, checked reading of the YAML tree: what a mapping may hold, texts with arguments filled in, lists,
// numbers. Each function returns the value or the error with its place; `what` names the thing in messages
// ("'dest'", "stage 'build'").
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/expand.hpp"
#include "recipes/yaml_document.hpp"

namespace ecrin::recipes {

/// What all readers of one recipe share.
struct Scope {
  const SourceText& source;
  Arguments arguments;
  std::size_t expansion_budget = 1024 * 1024;
  std::set<std::string, std::less<>> later_arguments = {};  // declared below the default that is being read

  std::unexpected<Error> refuse(Span span, std::string_view message) const {
    return std::unexpected(diagnose(source, span, message));
  }
  std::unexpected<Error> refuse(Span span, std::string_view message, std::string hint) const {
    return std::unexpected(diagnose(source, span, message).hint(std::move(hint)));
  }
};

using Keys = std::span<const std::string_view>;

/// `node` is a mapping and holds only `known` keys. For an unknown one: the near word, or ours for what
/// other tools call so.
Result<> check_mapping(const Scope& scope, const YamlNode& node, std::string_view what, Keys known);
/// A key that is right elsewhere gets told where, instead of a guess at its spelling.
Result<> check_misplaced(const Scope& scope, const YamlNode& node, std::string_view what, Keys here,
                         Keys elsewhere, std::string_view where);
/// The member, which must be there.
Result<const YamlNode*> require(const Scope& scope, const YamlNode& mapping, std::string_view key,
                                std::string_view what);
/// " (did you mean ...?)": a near word, or the one for what other tools call `word`; or "".
std::string suggest_key(std::string_view word, Keys known);

/// Text as written, nothing expanded. Refused: lists, mappings, nothing, and NUL characters.
Result<std::string> read_literal(const Scope& scope, const YamlNode& node, std::string_view what);
/// Text with ${NAME} expanded.
Result<std::string> read_text(Scope& scope, const YamlNode& node, std::string_view what);
/// The same, and it must not be empty or hold control characters: names, paths, URLs.
Result<std::string> read_word(Scope& scope, const YamlNode& node, std::string_view what);
Result<std::vector<std::string>> read_list(Scope& scope, const YamlNode& node, std::string_view what);
/// A text, or a list of texts.
Result<std::vector<std::string>> read_text_or_list(Scope& scope, const YamlNode& node, std::string_view what);
/// A program with its arguments: at least one, the first not empty.
Result<std::vector<std::string>> read_command_list(Scope& scope, const YamlNode& node, std::string_view what);
/// true or false and no other word.
Result<bool> read_bool(Scope& scope, const YamlNode& node, std::string_view what);
Result<std::uint64_t> read_unsigned(Scope& scope, const YamlNode& node, std::string_view what,
                                    std::uint64_t maximum);
/// One of `words`.
Result<std::string> read_choice(Scope& scope, const YamlNode& node, std::string_view what, Keys words);

/// The place of a piece of a scalar's value in the source; the whole scalar where that cannot be told.
Span locate(const SourceText& source, const YamlNode& node, std::size_t begin, std::size_t length);

}  // namespace ecrin::recipes

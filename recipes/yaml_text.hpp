// What can be told from YAML's characters alone, beside the parser: which bytes may stand in it, and where a
// node that the parser reports begins and ends.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "recipes/diagnostics.hpp"

namespace ecrin::recipes {

/// At most 1 MiB of UTF-8 without control characters.
Result<> check_yaml_characters(const SourceText& source);

/// Anchors and tags stand before the node itself (`&base !!str text`); the parser reports where they begin.
std::size_t skip_yaml_properties(const SourceText& source, std::size_t at);

/// The first line of the scalar that begins at `at` and has this value.
Span yaml_scalar_span(const SourceText& source, std::size_t at, std::string_view value, bool plain);

/// Has the quoted text that begins at `at` its second quote? (true for block scalars)
bool is_yaml_quote_closed(const SourceText& source, std::size_t at);

}  // namespace ecrin::recipes

// The small notations inside a recipe's texts: file modes, owners, paths, ports, durations, signals,
// checksums.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/recipe.hpp"
#include "recipes/yaml_reader.hpp"

namespace ecrin::recipes {

/// NAME: value, in order. Names of variables and labels are not expanded, values are.
Result<std::vector<KeyValue>> read_variables(Scope& scope, const YamlNode& node, std::string_view what);
Result<std::vector<KeyValue>> read_labels(Scope& scope, const YamlNode& node, std::string_view what);

/// Octal, with its leading 0 ("0644", "0o644"), so that nobody has to know YAML's number rules.
Result<std::uint32_t> read_mode(Scope& scope, const YamlNode& node, std::string_view what);
/// NAME: content, in order. The content is literal.
Result<std::vector<InlineFile>> read_files(Scope& scope, const YamlNode& node, std::string_view what);
/// "user", "user:group", "0:0"
Result<std::string> read_owner(Scope& scope, const YamlNode& node, std::string_view what);
/// Relative to the context and not above it: no leading '/', no way out by '..'.
Result<std::string> read_context_path(Scope& scope, const YamlNode& node, std::string_view what);
/// A path in a tree with its own root: a leading '/' is allowed, a way out by '..' is not.
Result<std::string> read_tree_path(Scope& scope, const YamlNode& node, std::string_view what);
/// Absolute, without '..'.
Result<std::string> read_absolute_path(Scope& scope, const YamlNode& node, std::string_view what);
/// "80", "80/udp", "8000-8010/tcp": each port, with its protocol.
Result<std::vector<std::string>> read_ports(Scope& scope, const YamlNode& node, std::string_view what);
/// "30s", "1m30s", "500ms" in nanoseconds.
Result<std::int64_t> read_duration(Scope& scope, const YamlNode& node, std::string_view what);
/// "SIGTERM", "TERM", "SIGRTMIN+3", "15"
Result<std::string> read_signal(Scope& scope, const YamlNode& node, std::string_view what);
/// 64 hex digits, lower case; a "sha256:" in front is dropped.
Result<std::string> read_sha256(Scope& scope, const YamlNode& node, std::string_view what);

}  // namespace ecrin::recipes

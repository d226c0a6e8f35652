// What verbs print on standard output: tables for people, JSON and templates for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace ecrin::cli {

enum class Heading { shown, hidden };
/// Columns are as wide as their widest cell and two blanks apart; the last one is not padded.
std::string format_table(const std::vector<std::string>& heading,
                         const std::vector<std::vector<std::string>>& rows, Heading show);

/// A part of Go's template language, as podman's --format has it: text, {{.Field}}, {{.Field.Inner}}, {{json
/// .Field}},
/// {{index .Field "key"}}, and \t and \n in the text. No conditions, no loops.
Result<std::string> render_template(std::string_view text, const Json& value);

/// "3 hours ago", "2 weeks ago", "less than a second ago".
std::string time_ago(std::int64_t then, std::int64_t now);

/// Writes to standard output; a reader that went away is an error at the end (finish_output).
void print(std::string_view text);
void print_line(std::string_view text);
/// Rows for `--format`: "json" is one array, anything else a template, one line a row.
Result<> print_formatted(std::string_view format, const std::vector<Json>& rows);
/// Flushes standard output.
Result<> finish_output();

}  // namespace ecrin::cli

#include "cli/table.hpp"

#include <stdio.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/status_line.hpp"

namespace ecrin::cli {
namespace {

std::unexpected<Error> template_error(std::string_view action, std::string_view problem) {
  return std::unexpected(
      Error(ErrorKind::invalid, fmt::format("bad --format: '{{{{{}}}}}' {}", printable(action), problem))
          .hint("known are {{.Field}}, {{.Field.Inner}}, {{json .Field}} and {{index .Field \"key\"}}"));
}

// How Go prints a value: lists as [a b], maps as map[a:1 b:2], nothing for null.
std::string go_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "<nil>";
  if (value.is_array()) {
    std::string text;
    for (const Json& item : value) text += (text.empty() ? "" : " ") + go_text(item);
    return "[" + text + "]";
  }
  if (value.is_object()) {
    std::string text;
    for (const auto& [key, item] : value.items())
      text += (text.empty() ? "" : " ") + key + ":" + go_text(item);
    return "map[" + text + "]";
  }
  return dump_json(value);
}

// ".", ".Field", ".Field.Inner"
Result<const Json*> look_up(const Json& value, std::string_view path, std::string_view action) {
  const Json* current = &value;
  if (!path.starts_with('.')) return template_error(action, "is not understood");
  if (path == ".") return current;
  for (const std::string& name : split(path.substr(1), '.')) {
    if (!current->is_object()) return template_error(action, "goes into something that has no fields");
    const auto found = current->find(name);
    if (found == current->end()) {
      std::vector<std::string_view> names;
      for (const auto& [key, item] : current->items()) names.push_back(key);
      const std::string near = nearest(name, names);
      std::vector<std::string> known(names.begin(), names.end());
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("bad --format: there is no field '{}'", printable(name)))
              .hint(near.empty() ? "the fields are " + join(known, ", ")
                                 : fmt::format("did you mean '{}'?", near)));
    }
    current = &*found;
  }
  return current;
}

Result<std::string> evaluate(std::string_view action, const Json& value) {
  std::string_view rest = trim(action);
  if (rest.starts_with("json ")) return dump_json(*TRY(look_up(value, trim(rest.substr(5)), action)));
  if (rest.starts_with("index ")) {
    rest = trim(rest.substr(6));
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) return template_error(action, "lacks the key");
    const Json* field = TRY(look_up(value, rest.substr(0, blank), action));
    std::string_view key = trim(rest.substr(blank));
    if (key.size() >= 2 && key.starts_with('"') && key.ends_with('"')) {
      if (!field->is_object()) return std::string();
      const auto found = field->find(std::string(key.substr(1, key.size() - 2)));
      return found == field->end() ? std::string() : go_text(*found);
    }
    const auto number = parse_unsigned(key);
    if (!number || !field->is_array() || *number >= field->size())
      return template_error(action, "has no such item");
    return go_text((*field)[*number]);
  }
  return go_text(*TRY(look_up(value, rest, action)));
}

}  // namespace

std::string format_table(const std::vector<std::string>& heading,
                         const std::vector<std::vector<std::string>>& rows, Heading show) {
  std::size_t columns = heading.size();
  for (const auto& row : rows) columns = std::max(columns, row.size());
  std::vector<std::size_t> widths(columns, 0);
  const auto measure = [&widths](const std::vector<std::string>& row) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], display_width(row[column]));
    }
  };
  if (show == Heading::shown) measure(heading);
  for (const auto& row : rows) measure(row);
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      line += row[column];
      if (column + 1 < row.size()) line += std::string(widths[column] - display_width(row[column]) + 2, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
  };
  if (show == Heading::shown) add(heading);
  for (const auto& row : rows) add(row);
  return text;
}

Result<std::string> render_template(std::string_view text, const Json& value) {
  if (text.starts_with("table ")) text.remove_prefix(6);
  std::string result;
  while (!text.empty()) {
    if (text.starts_with("{{")) {
      const std::size_t end = text.find("}}");
      if (end == std::string_view::npos)
        return fail(ErrorKind::invalid, "bad --format: '{{{{' without '}}}}'");
      result += TRY(evaluate(text.substr(2, end - 2), value));
      text.remove_prefix(end + 2);
    } else if (text.starts_with("\\t") || text.starts_with("\\n")) {
      result += text[1] == 't' ? '\t' : '\n';
      text.remove_prefix(2);
    } else {
      result += text.front();
      text.remove_prefix(1);
    }
  }
  return result;
}

std::string time_ago(std::int64_t then, std::int64_t now) {
  const std::int64_t seconds = now - then;
  if (seconds < 1) return seconds < 0 ? "in the future" : "less than a second ago";
  struct Unit {
    std::int64_t size;
    const char* name;
  };
  static constexpr Unit k_units[] = {{31536000, "year"}, {2592000, "month"}, {604800, "week"}, {86400, "day"},
                                     {3600, "hour"},     {60, "minute"},     {1, "second"}};
  for (const Unit& unit : k_units) {
    const std::int64_t count = seconds / unit.size;
    if (count >= 1) return fmt::format("{} {}{} ago", count, unit.name, count == 1 ? "" : "s");
  }
  return "just now";
}

void print(std::string_view text) {
  ::fwrite(text.data(), 1, text.size(), stdout);
}

void print_line(std::string_view text) {
  print(text);
  print("\n");
}

Result<> print_formatted(std::string_view format, const std::vector<Json>& rows) {
  if (format == "json") {
    Json all = Json::array();
    for (const Json& row : rows) all.push_back(row);
    print(dump_json_pretty(all));
    return {};
  }
  for (const Json& row : rows) print_line(TRY(render_template(format, row)));
  return {};
}

Result<> finish_output() {
  if (::fflush(stdout) != 0 || ::ferror(stdout)) return fail_errno("cannot write to standard output");
  return {};
}

}  // namespace ecrin::cli

#include "recipes/excerpt.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.hpp"
#include "recipes/diagnostics.hpp"

namespace ecrin::recipes {
namespace {

constexpr int k_around = 2;
constexpr int k_most_of_step = 12;
constexpr int k_end_of_long_step = 3;  // kept of it
constexpr std::size_t k_width = 160;

std::string shown(std::string_view line) {
  std::string plain(line);
  std::ranges::replace(plain, '\t', ' ');
  return printable(plain, k_width);
}

/// The line before which the step has ended: that of the next thing that has a place.
int next_place(const Recipe& recipe, int line) {
  int next = std::numeric_limits<int>::max();
  const auto consider = [&](const Location& location) {
    if (location.line > line) next = std::min(next, location.line);
  };
  for (const Stage& stage : recipe.stages) {
    consider(stage.location);
    consider(stage.from_location);
    for (const Step& step : stage.steps) consider(step.location);
  }
  return next;
}

/// Does the line belong to a step that begins in this column? What stands further left is another key.
bool is_part(std::string_view line, int column) {
  const std::size_t indentation = line.find_first_not_of(' ');
  return static_cast<int>(indentation) + 1 >= column;
}

/// What the step itself says of its end.
std::optional<int> said_last_line(const Recipe& recipe, const Location& place) {
  for (const Stage& stage : recipe.stages) {
    for (const Step& step : stage.steps) {
      const bool is_here = step.location.line == place.line && step.location.column == place.column;
      if (is_here && step.last_line >= place.line) return step.last_line;
    }
  }
  return std::nullopt;
}

int last_line_of(const SourceText& source, const Recipe& recipe, const Location& step, int line_count) {
  if (const auto said = said_last_line(recipe, step)) return std::min(*said, line_count);
  const int end = std::min(next_place(recipe, step.line), line_count + 1);
  int last = step.line;
  for (int line = step.line + 1; line < end; ++line) {
    const std::string_view text = source.line(line);
    if (trim(text).empty()) continue;
    if (!is_part(text, step.column)) break;
    last = line;
  }
  return last;
}

}  // namespace

std::vector<ExcerptLine> excerpt(std::string_view text, const Recipe& recipe, const Location& step) {
  const SourceText source(recipe.file, text);
  const int count = static_cast<int>(std::count(text.begin(), text.end(), '\n')) +
                    (text.empty() || text.ends_with('\n') ? 0 : 1);
  if (step.line < 1 || step.line > count) return {};
  const int last = last_line_of(source, recipe, step, count);
  std::vector<ExcerptLine> lines;
  const bool is_long = last - step.line + 1 > k_most_of_step;
  for (int line = std::max(1, step.line - k_around); line <= std::min(count, last + k_around); ++line) {
    if (is_long && line == step.line + k_most_of_step - k_end_of_long_step) {
      lines.push_back({.number = 0, .marked = true, .text = "..."});
      line = last - k_end_of_long_step + 1;
    }
    lines.push_back(
        {.number = line, .marked = line >= step.line && line <= last, .text = shown(source.line(line))});
  }
  return lines;
}

std::vector<std::string> format_excerpt(const std::vector<ExcerptLine>& lines) {
  std::vector<std::string> result;
  for (const ExcerptLine& line : lines) {
    const std::string number = line.number == 0 ? "" : std::to_string(line.number);
    result.push_back(fmt::format("{} {:>5} | {}", line.marked ? ">>>" : "   ", number, line.text));
  }
  return result;
}

}  // namespace ecrin::recipes

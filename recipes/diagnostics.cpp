#include "recipes/diagnostics.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::size_t k_window = 96;               // characters of a source line that are shown
constexpr std::size_t k_reach = 4 * k_window + 4;  // bytes that they are at most
constexpr std::size_t k_block = 512;

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

/// One code point as it is shown; a tab is one space, so that the caret stands below its character.
std::string shown(std::string_view character) {
  if (character == "\t") return " ";
  return printable(character);
}

/// The line as shown, with the place of the caret in it, in characters.
struct ShownLine {
  std::string text;
  std::size_t caret = 0;
  std::size_t length = 0;
};

ShownLine show(std::string_view line, std::size_t begin, std::size_t length) {
  // Of a long line only what can be shown is looked at; both sides still are longer than the window.
  line = line.substr(0, begin < line.size() ? begin + k_reach : line.size());
  if (begin > k_reach) {
    std::size_t cut = begin - k_reach;
    while (cut < begin && cut < line.size() && is_continuation(line[cut])) ++cut;
    cut = std::min(cut, line.size());
    line.remove_prefix(cut);
    begin -= cut;
  }
  std::vector<std::string> cells;  // one character each
  std::size_t caret = 0;
  std::size_t end = 0;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t next = at + 1;
    while (next < line.size() && is_continuation(line[next])) ++next;
    if (at <= begin) caret = cells.size();
    const std::string piece = shown(line.substr(at, next - at));
    if (count_characters(piece) == 1) {
      cells.push_back(piece);
    } else {
      for (const char c : piece) cells.emplace_back(1, c);  // "\x1b"
    }
    if (at < begin + length) end = cells.size();
    at = next;
  }
  if (begin >= line.size()) caret = cells.size();
  end = std::max(end, caret + 1);

  std::size_t first = 0;
  std::size_t last = cells.size();
  if (cells.size() > k_window) {
    first = caret > k_window / 2 ? std::min(caret - k_window / 2, cells.size() - k_window) : 0;
    last = first + k_window;
  }
  ShownLine result;
  if (first > 0) result.text += "…";
  for (std::size_t i = first; i < last; ++i) result.text += cells[i];
  if (last < cells.size()) result.text += "…";
  result.caret = caret - first + (first > 0 ? 1 : 0);
  result.length = std::max<std::size_t>(std::min(end, std::max(last, caret + 1)) - caret, 1);
  return result;
}

}  // namespace

SourceText::SourceText(std::string file, std::string_view text) : m_file(std::move(file)), m_text(text) {
  m_line_starts.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') m_line_starts.push_back(i + 1);
  }
  m_characters.push_back(0);
  for (std::size_t at = 0; at < text.size(); at += k_block) {
    m_characters.push_back(m_characters.back() + count_characters(text.substr(at, k_block)));
  }
}

std::size_t SourceText::characters_before(std::size_t offset) const {
  const std::size_t block = offset / k_block;
  return m_characters[block] + count_characters(m_text.substr(block * k_block, offset % k_block));
}

Location SourceText::location(std::size_t offset) const {
  offset = std::min(offset, m_text.size());
  const auto after = std::upper_bound(m_line_starts.begin(), m_line_starts.end(), offset);
  const std::size_t start = *(after - 1);
  return {.line = static_cast<int>(after - m_line_starts.begin()),
          .column = static_cast<int>(characters_before(offset) - characters_before(start)) + 1};
}

std::string_view SourceText::line(int number) const {
  if (number < 1 || static_cast<std::size_t>(number) > m_line_starts.size()) return {};
  const std::size_t start = m_line_starts[static_cast<std::size_t>(number) - 1];
  std::string_view rest = m_text.substr(start);
  rest = rest.substr(0, rest.find('\n'));
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  return rest;
}

std::size_t SourceText::offset(std::size_t line, std::size_t column) const {
  if (line >= m_line_starts.size()) return m_text.size();
  return std::min(m_line_starts[line] + column, m_text.size());
}

Error diagnose(const SourceText& source, Span span, std::string_view message, ErrorKind kind) {
  const Location place = source.location(span.begin);
  const std::string_view line = source.line(place.line);
  const auto in_line = static_cast<std::size_t>(line.data() - source.text().data());
  const std::size_t begin = line.data() == nullptr ? 0 : std::min(span.begin, source.text().size()) - in_line;
  const ShownLine view = show(line, begin, std::max<std::size_t>(span.length, 1));
  const std::string number = fmt::format("{:>5}", place.line);
  return Error(kind, fmt::format("{}:{}:{}: {}\n{} | {}\n{} | {}^{}", printable(source.file()), place.line,
                                 place.column, message, number, view.text, std::string(number.size(), ' '),
                                 std::string(view.caret, ' '), std::string(view.length - 1, '~')));
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string lower = to_lower(word);
  const std::string near = nearest(lower, candidates);
  // In short words three edits are another word: 'name' is not a slip for 'add'.
  const std::size_t limit = std::clamp<std::size_t>((lower.size() + 1) / 3, 1, 3);
  const bool is_near = !near.empty() && (edit_distance(lower, near) <= limit || near.starts_with(lower));
  return is_near ? fmt::format(" (did you mean '{}'?)", near) : "";
}

}  // namespace ecrin::recipes

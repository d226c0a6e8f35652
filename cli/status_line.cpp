#include "cli/status_line.hpp"

#include <sys/ioctl.h>
#include <wchar.h>

#include <algorithm>
#include <utility>

namespace ecrin::cli {
namespace {

// One character at `position`: how many bytes and how many columns. Bytes that are no UTF-8 take one column
// each.
struct Glyph {
  std::size_t bytes = 1;
  std::size_t columns = 1;
};

Glyph glyph_at(std::string_view text, std::size_t position) {
  if (text[position] == '\033' && position + 1 < text.size() && text[position + 1] == '[') {
    const std::size_t end = text.find('m', position);
    if (end != std::string_view::npos) return {end - position + 1, 0};
  }
  wchar_t character = 0;
  mbstate_t state{};
  const std::size_t length = ::mbrtowc(&character, text.data() + position, text.size() - position, &state);
  if (length == 0 || length > text.size()) return {};
  const int width = ::wcwidth(character);
  return {length, width < 0 ? 1 : static_cast<std::size_t>(width)};
}

}  // namespace

TerminalSize terminal_size() {
  struct winsize size {};
  if (::ioctl(2, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t position = 0; position < text.size();) {
    const Glyph glyph = glyph_at(text, position);
    position += glyph.bytes;
    columns += glyph.columns;
  }
  return columns;
}

std::string elide(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns < 4) return std::string();
  std::size_t taken = 0;
  std::size_t position = 0;
  bool coloured = false;
  while (position < text.size()) {
    const Glyph glyph = glyph_at(text, position);
    if (taken + glyph.columns > columns - 3) break;
    coloured = coloured || (glyph.columns == 0 && text[position] == '\033');
    taken += glyph.columns;
    position += glyph.bytes;
  }
  return std::string(text.substr(0, position)) + (coloured ? "\033[0m..." : "...");
}

StatusLine::StatusLine(Write write, Size size) : m_write(std::move(write)), m_size(std::move(size)) {}

std::size_t StatusLine::columns() const {
  const std::size_t all = m_size ? m_size().columns : TerminalSize{}.columns;
  return all > 1 ? all - 1 : 1;
}

std::string StatusLine::erase() {
  // A terminal that became narrower since has wrapped the lines: count rows by the width of now.
  if (m_drawn.empty()) return "";
  const std::size_t columns = std::max<std::size_t>(m_size().columns, 1);
  std::size_t rows = 0;
  for (const std::size_t width : m_drawn) rows += std::max<std::size_t>(1, (width + columns - 1) / columns);
  m_drawn.clear();
  return "\033[" + std::to_string(rows) + "A\r\033[J";
}

std::string StatusLine::draw() {
  const TerminalSize size = m_size();
  // The last column stays free: writing there makes some terminals wrap at once. One row stays for the
  // cursor.
  const std::size_t count = std::min(m_lines.size(), size.rows > 1 ? size.rows - 1 : 0);
  std::string text;
  for (std::size_t index = 0; index < count; ++index) {
    const std::string line = elide(m_lines[index], columns());
    m_drawn.push_back(display_width(line));
    text += line + "\n";
  }
  return text;
}

void StatusLine::print(std::string_view text) {
  if (text.empty()) return;
  const std::lock_guard lock(m_mutex);
  std::string out = m_size ? erase() : "";
  out += text;
  if (!out.ends_with('\n')) out += '\n';
  if (m_size) out += draw();
  m_write(out);
}

void StatusLine::show(std::vector<std::string> lines) {
  if (!m_size) return;
  const std::lock_guard lock(m_mutex);
  m_lines = std::move(lines);
  std::string out = erase();
  out += draw();
  if (!out.empty()) m_write(out);
}

}  // namespace ecrin::cli

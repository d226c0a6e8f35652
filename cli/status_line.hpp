// StatusLine: the only road to standard error. Messages scroll up; below them, on a terminal, a few lines of
// status are kept up to date and taken away without a trace. Off a terminal there is no status.
// Safe from any thread.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace ecrin::cli {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
/// Of the terminal behind standard error; 80x24 when it does not say.
TerminalSize terminal_size();

/// How many columns a text takes; escape sequences of colours (ESC [ ... m) take none.
std::size_t display_width(std::string_view text);
/// Cut so that it takes at most `columns`; colours are closed.
std::string elide(std::string_view text, std::size_t columns);

class StatusLine {
public:
  using Write = std::function<void(std::string_view)>;
  using Size = std::function<TerminalSize()>;
  /// `size` empty: not a terminal.
  StatusLine(Write write, Size size);
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  ~StatusLine() { clear(); }

  bool is_terminal() const { return static_cast<bool>(m_size); }
  /// How wide a line of status may be.
  std::size_t columns() const;
  /// Lines that stay. A final newline is added when it is missing.
  void print(std::string_view text);
  /// Replaces the status. Lines are cut to the terminal's width, and the last ones dropped beyond its height.
  void show(std::vector<std::string> lines);
  void clear() { show({}); }

private:
  std::string erase();  // takes the drawn lines away
  std::string draw();
  Write m_write;
  Size m_size;
  std::mutex m_mutex;
  std::vector<std::string> m_lines;
  std::vector<std::size_t> m_drawn;  // widths of the lines on the screen
};

}  // namespace ecrin::cli

#include "cli/prompt.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/defer.hpp"
#include "base/posix.hpp"
#include "cli/standard_streams.hpp"

namespace ecrin::cli {
namespace {

constexpr std::size_t k_longest_line = 64 * 1024;

// No echo but that of the line's end. Keys that would stop the program before the echo is back do nothing;
// ^C comes as a signal, and is waited for.
class HiddenInput {
public:
  static Result<HiddenInput> enter(const Fd& terminal) {
    HiddenInput hidden(TRY(terminal.duplicate()));
    if (::tcgetattr(terminal.get(), &hidden.m_before) != 0)
      return fail_errno("cannot read the terminal's mode");
    struct termios mode = hidden.m_before;
    mode.c_lflag = (mode.c_lflag & ~static_cast<tcflag_t>(ECHO)) | ECHONL | ICANON | ISIG;
    mode.c_cc[VQUIT] = mode.c_cc[VSUSP] = _POSIX_VDISABLE;
    if (::tcsetattr(terminal.get(), TCSAFLUSH, &mode) != 0) return fail_errno("cannot hide what is typed");
    hidden.m_active = true;
    return hidden;
  }
  HiddenInput(HiddenInput&& other) noexcept
      : m_terminal(std::move(other.m_terminal)),
        m_before(other.m_before),
        m_active(std::exchange(other.m_active, false)) {}
  HiddenInput& operator=(HiddenInput&&) = delete;
  ~HiddenInput() {
    if (m_active) ::tcsetattr(m_terminal.get(), TCSAFLUSH, &m_before);
  }

private:
  explicit HiddenInput(Fd terminal) : m_terminal(std::move(terminal)) {}
  Fd m_terminal;
  struct termios m_before {};
  bool m_active = false;
};

Result<Secret> read_line(const Fd& terminal, const Interrupts& interrupts) {
  std::array<char, 4096> buffer;
  std::string line;
  const Defer wipe_all([&] {
    wipe(line);
    ::explicit_bzero(buffer.data(), buffer.size());
  });
  for (;;) {
    TRY(interrupts.token().check());
    struct pollfd waiting {
      .fd = terminal.get(), .events = POLLIN, .revents = 0
    };
    // Not for ever: a signal may come just before.
    if (::poll(&waiting, 1, 200) <= 0) continue;
    const std::size_t count = TRY(posix::read_some(terminal, std::as_writable_bytes(std::span(buffer))));
    if (count == 0) return fail(ErrorKind::invalid, "nothing was typed");
    line.append(buffer.data(), count);
    if (line.size() > k_longest_line) return fail(ErrorKind::limit, "the line is too long");
    if (const std::size_t end = line.find('\n'); end != std::string::npos)
      return Secret(std::string_view(line).substr(0, end));
  }
}

}  // namespace

Result<Secret> ask(std::string_view question, Echo echo, const Interrupts& interrupts) {
  if (::isatty(0) != 1) {
    return std::unexpected(Error(ErrorKind::invalid, "cannot ask: standard input is not a terminal")
                               .hint("give --username and --password-stdin"));
  }
  const Fd terminal = TRY(posix::open("/dev/tty", O_RDWR | O_NOCTTY));
  std::optional<HiddenInput> hidden;
  if (echo == Echo::no) hidden.emplace(TRY(HiddenInput::enter(terminal)));
  TRY(posix::write_full(terminal, question));
  auto line = read_line(terminal, interrupts);
  if (!line) (void)posix::write_full(terminal, std::string_view("\n"));  // the shell begins a line of its own
  return line;
}

Result<Secret> read_secret_input() {
  const Fd input = TRY(standard_stream(0));
  std::string text = TRY_WHILE(posix::read_fd(input, k_longest_line), "reading standard input");
  const Defer wipe_text([&text] { wipe(text); });
  std::string_view secret = text;
  if (secret.ends_with('\n')) secret.remove_suffix(1);
  if (secret.ends_with('\r')) secret.remove_suffix(1);
  if (secret.empty()) return fail(ErrorKind::invalid, "standard input has no password");
  return Secret(secret);
}

bool confirmed(std::string_view what) {
  if (::isatty(0) != 1) return true;
  ::fprintf(stderr, "%s\nGo on? [y/N] ", std::string(what).c_str());
  ::fflush(stderr);
  char answer[16] = "";
  return ::fgets(answer, sizeof answer, stdin) != nullptr && (answer[0] == 'y' || answer[0] == 'Y');
}

}  // namespace ecrin::cli

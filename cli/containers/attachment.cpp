#include "cli/containers/attachment.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/standard_streams.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

using run::PacketKind;
constexpr std::string_view k_what = "the end of a container";

pollfd watch(const Fd& fd, short events) {
  return {.fd = fd ? fd.get() : -1, .events = events, .revents = 0};
}

class Attachment {
public:
  Attachment(const Fd& socket, const SignalQueue& signals, const AttachOptions& options)
      : m_socket(socket), m_signals(signals), m_options(options), m_keys(options.detach_keys) {}

  Result<AttachEnd> run();

private:
  Result<> request(const Json& json) {
    return run::send_control(m_socket, PacketKind::request, dump_json(json));
  }
  Result<> send_size();
  Result<> pass_signals();
  Result<> pass_input();
  Result<bool> hear(AttachEnd& end);
  Result<> write_out();

  const Fd& m_socket;
  const SignalQueue& m_signals;
  const AttachOptions& m_options;
  DetachFilter m_keys;
  Fd m_input, m_output, m_errors;
  bool m_input_taken = true;  // by the monitor
  bool m_detached = false;
  std::optional<Error> m_refused;  // the last thing that was heard is this
  std::string m_waiting;           // for m_target
  Fd* m_target = nullptr;          // m_output or m_errors
};

Result<> Attachment::send_size() {
  if (const auto size = terminal_size(m_output))
    TRY(request({{"verb", "resize"}, {"height", size->height}, {"width", size->width}}));
  return {};
}

Result<> Attachment::pass_signals() {
  while (const int number = m_signals.next()) {
    if (number == SIGWINCH) {
      if (m_options.terminal) TRY(send_size());
    } else if (m_options.signals) {
      TRY(request({{"verb", "signal"}, {"signal", number}}));
    } else {
      m_detached = true;
    }
  }
  return {};
}

Result<> Attachment::pass_input() {
  std::array<std::byte, 16384> buffer;
  const auto count = posix::read_some(m_input, buffer);
  if (!count || *count == 0) {
    m_input.reset();
    return run::send_control(m_socket, PacketKind::input, "");
  }
  const std::string bytes = m_keys.pass({reinterpret_cast<const char*>(buffer.data()), *count}, m_detached);
  if (bytes.empty()) return {};
  m_input_taken = false;
  return run::send_control(m_socket, PacketKind::input, bytes);
}

// As much as goes without waiting: signals must be heard while a reader takes its time. A reader that went
// away ends the container's writing, as with a pipe between the two.
Result<> Attachment::write_out() {
  const std::size_t size = std::min<std::size_t>(m_waiting.size(), PIPE_BUF);
  const ssize_t count = ::write(m_target->get(), m_waiting.data(), size);
  if (count >= 0) {
    m_waiting.erase(0, static_cast<std::size_t>(count));
    return {};
  }
  if (errno == EINTR || errno == EAGAIN) return {};
  m_waiting.clear();
  const char* stream = m_target == &m_output ? "output" : "errors";
  m_target->reset();
  (void)request({{"verb", "close"}, {"stream", stream}});  // it may have ended
  return {};
}

Result<bool> Attachment::hear(AttachEnd& end) {
  auto packet = TRY(run::receive_control(m_socket));
  if (!packet && m_refused) return std::unexpected(*std::exchange(m_refused, std::nullopt));
  if (!packet) {
    return std::unexpected(
        Error(ErrorKind::system, "the container's monitor ended before it could say how the program did")
            .hint("it was killed, and the container with it"));
  }
  m_refused.reset();
  switch (packet->kind) {
    case PacketKind::error:
      // A signal that came too late; or why the monitor ends, when nothing follows.
      m_refused = run::decode_failure(packet->payload).first;
      break;
    case PacketKind::output:
    case PacketKind::errors:
      m_target = packet->kind == PacketKind::output ? &m_output : &m_errors;
      if (*m_target) m_waiting = std::move(packet->payload);
      break;
    case PacketKind::input:
      m_input_taken = true;
      break;
    case PacketKind::ended: {
      const Json json = TRY(parse_json(packet->payload, k_what));
      end.code = static_cast<int>(TRY(json_integer(json, "code", k_what)).value_or(125));
      end.out_of_memory = TRY(json_bool(json, "outOfMemory", k_what)).value_or(false);
      if (const std::string trouble = TRY(json_string(json, "trouble", k_what)).value_or("");
          !trouble.empty())
        log::warning("{}", trouble);
      return true;
    }
    default:  // answers to signals and sizes
      break;
  }
  return false;
}

Result<AttachEnd> Attachment::run() {
  m_output = TRY(standard_stream(1));
  m_errors = TRY(standard_stream(2));
  if (m_options.input) m_input = TRY(standard_stream(0));
  std::optional<RawMode> raw;
  if (m_options.terminal) {
    auto entered = TRY(m_input ? RawMode::enter(m_input, Raw::all) : RawMode::enter(m_output, Raw::output));
    if (entered) raw.emplace(*std::move(entered));
    TRY(send_size());
  }
  AttachEnd end;
  for (;;) {
    const bool writing = !m_waiting.empty();
    std::array<pollfd, 4> polled = {writing ? watch(Fd(), POLLIN) : watch(m_socket, POLLIN),
                                    watch(m_signals.descriptor(), POLLIN),
                                    m_input_taken ? watch(m_input, POLLIN) : watch(Fd(), POLLIN),
                                    writing ? watch(*m_target, POLLOUT) : watch(Fd(), POLLOUT)};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail_errno("cannot wait for the container");
    }
    if (polled[3].revents != 0) TRY(write_out());
    if (polled[0].revents != 0 && TRY(hear(end))) return end;
    // A monitor that has ended takes no requests any more: what it said before its end is read first.
    if (polled[1].revents != 0) (void)pass_signals();
    if (polled[2].revents != 0) (void)pass_input();
    if (m_detached) {
      TRY(request({{"verb", "detach"}}));
      end.detached = true;
      return end;
    }
  }
}

}  // namespace

Result<std::string> parse_detach_keys(std::string_view text) {
  std::string keys;
  if (text.empty()) return keys;
  for (const std::string& key : split(text, ',')) {
    if (key.size() == 1 && std::isprint(static_cast<unsigned char>(key.front()))) {
      keys += key;
      continue;
    }
    const std::string lower = to_lower(key);
    if (lower.size() == 6 && lower.starts_with("ctrl-")) {
      const char letter = lower.back();
      if (letter >= 'a' && letter <= 'z') {
        keys += static_cast<char>(letter - 'a' + 1);
        continue;
      }
      // As the terminal has them: ^@ ^[ ^\ ^] ^^ ^_
      constexpr std::string_view k_others = "@[\\]^_";
      if (const std::size_t at = k_others.find(letter); at != std::string_view::npos) {
        keys += static_cast<char>(at == 0 ? 0 : 26 + at);
        continue;
      }
    }
    return fail(ErrorKind::invalid, "'{}' is no list of keys to detach with, like ctrl-p,ctrl-q",
                printable(text, 80));
  }
  return keys;
}

std::string DetachFilter::pass(std::string_view typed, bool& detached) {
  if (m_keys.empty()) return std::string(typed);
  std::string passed;
  for (const char c : typed) {
    if (c == m_keys[m_seen]) {
      if (++m_seen == m_keys.size()) {
        detached = true;
        return passed;
      }
      continue;
    }
    // It was none: what was kept back goes first, but for what may begin the keys anew.
    passed += m_keys.substr(0, m_seen);
    m_seen = c == m_keys.front() ? 1 : 0;
    if (m_seen == 0) passed += c;
  }
  return passed;
}

Result<AttachEnd> attend_container(const Fd& socket, const SignalQueue& signals,
                                   const AttachOptions& options) {
  return Attachment(socket, signals, options).run();
}

}  // namespace ecrin::cli

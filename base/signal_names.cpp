#include "base/signal_names.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/text.hpp"

namespace ecrin {
namespace {

// Not SIGRTMIN and SIGRTMAX: those ask the C library that this program runs with.
constexpr int k_real_time_first = 34;
constexpr int k_real_time_last = 64;

struct Named {
  std::string_view name;
  int number;
};

// Of two names for one number the first is the one that is shown.
constexpr auto k_signals = std::to_array<Named>({{"hup", SIGHUP},
                                                 {"int", SIGINT},
                                                 {"quit", SIGQUIT},
                                                 {"ill", SIGILL},
                                                 {"trap", SIGTRAP},
                                                 {"abrt", SIGABRT},
                                                 {"iot", SIGABRT},
                                                 {"bus", SIGBUS},
                                                 {"fpe", SIGFPE},
                                                 {"kill", SIGKILL},
                                                 {"usr1", SIGUSR1},
                                                 {"segv", SIGSEGV},
                                                 {"usr2", SIGUSR2},
                                                 {"pipe", SIGPIPE},
                                                 {"alrm", SIGALRM},
                                                 {"term", SIGTERM},
                                                 {"stkflt", 16},
                                                 {"chld", SIGCHLD},
                                                 {"cld", SIGCHLD},
                                                 {"cont", SIGCONT},
                                                 {"stop", SIGSTOP},
                                                 {"tstp", SIGTSTP},
                                                 {"ttin", SIGTTIN},
                                                 {"ttou", SIGTTOU},
                                                 {"urg", SIGURG},
                                                 {"xcpu", SIGXCPU},
                                                 {"xfsz", SIGXFSZ},
                                                 {"vtalrm", SIGVTALRM},
                                                 {"prof", SIGPROF},
                                                 {"winch", SIGWINCH},
                                                 {"io", SIGIO},
                                                 {"poll", SIGIO},
                                                 {"pwr", SIGPWR},
                                                 {"sys", SIGSYS},
                                                 {"rtmin", k_real_time_first},
                                                 {"rtmax", k_real_time_last}});

std::string upper(std::string_view name) {
  std::string result = "SIG";
  for (const char c : name) result += c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;  // all are small here
  return result;
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  if (const auto number = parse_unsigned(text, k_real_time_last); number && *number > 0)
    return static_cast<int>(*number);
  const std::string lower = to_lower(text);
  std::string_view name = lower;
  if (name.starts_with("sig")) name.remove_prefix(3);
  const std::size_t sign = name.find_first_of("+-");
  const std::string_view base = name.substr(0, sign);
  const auto* named = std::ranges::find(k_signals, base, &Named::name);
  if (named != k_signals.end() && sign == std::string_view::npos) return named->number;
  if ((base == "rtmin" && name[sign] == '+') || (base == "rtmax" && name[sign] == '-')) {
    if (const auto distance = parse_unsigned(name.substr(sign + 1), k_real_time_last - k_real_time_first))
      return named->number + static_cast<int>(*distance) * (base == "rtmin" ? 1 : -1);
  }
  std::array<std::string_view, k_signals.size()> names;
  std::ranges::transform(k_signals, names.begin(), &Named::name);
  const std::string near = nearest(base, names);
  return fail(ErrorKind::invalid, "no signal '{}'{}", printable(text, 40),
              near.empty() || near == base ? "" : fmt::format(" (did you mean '{}'?)", upper(near)));
}

std::string signal_name(int signal) {
  const auto* named = std::ranges::find(k_signals, signal, &Named::number);
  if (named != k_signals.end()) return upper(named->name);
  if (signal > k_real_time_first && signal < k_real_time_last)
    return fmt::format("SIGRTMIN+{}", signal - k_real_time_first);
  return std::to_string(signal);
}

}  // namespace ecrin

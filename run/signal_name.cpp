#include "run/signal_name.hpp"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr int k_last_signal = 64;  // of Linux

// Names without "SIG" that the kernel's headers have beside those that the C library tells.
struct OtherName {
  std::string_view name;
  int number;
};
constexpr OtherName k_other_names[] = {{"IOT", SIGABRT}, {"POLL", SIGIO}, {"CLD", SIGCHLD}};

// "RTMIN+3" counts from the first that programs get: the C library keeps two below it for itself.
Result<int> real_time_signal(std::string_view name) {
  const bool from_first = name.starts_with("RTMIN");
  std::string_view rest = name.substr(5);
  const int base = from_first ? SIGRTMIN : SIGRTMAX;
  if (rest.empty()) return base;
  const char sign = rest.front();
  if (sign != (from_first ? '+' : '-'))
    return fail(ErrorKind::invalid, "there is no signal '{}'", printable(name, 40));
  const auto distance = static_cast<int>(TRY(parse_unsigned(rest.substr(1), k_last_signal)));
  const int number = from_first ? base + distance : base - distance;
  if (number < SIGRTMIN || number > SIGRTMAX)
    return fail(ErrorKind::invalid, "there is no signal '{}'", printable(name, 40));
  return number;
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; })) {
    const auto number = parse_unsigned(text, k_last_signal);
    if (!number || *number == 0)
      return fail(ErrorKind::invalid, "there is no signal {}: they go from 1 to {}", printable(text, 40),
                  k_last_signal);
    return static_cast<int>(*number);
  }
  std::string name = to_lower(text);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  if (name.starts_with("SIG")) name.erase(0, 3);
  if (name.starts_with("RTMIN") || name.starts_with("RTMAX")) return real_time_signal(name);
  for (int number = 1; number < k_last_signal; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  const auto other = std::ranges::find(k_other_names, name, &OtherName::name);
  if (other != std::end(k_other_names)) return other->number;
  return fail(ErrorKind::invalid, "there is no signal '{}'", printable(text, 40));
}

}  // namespace ecrin::run

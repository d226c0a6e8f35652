// Values within instructions: ports, durations, signals, file modes.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "recipes/containerfile/lower_parts.hpp"
#include "recipes/file_mode.hpp"
#include "recipes/ports.hpp"

namespace ecrin::recipes::containerfile {
namespace {

bool is_address(std::string text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  in6_addr ignored{};
  return ::inet_pton(AF_INET, text.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

/// "8080", "8000-8010", "127.0.0.1:8080", "[::1]:", with either part left out.
bool is_host_side(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool has_address = colon != std::string_view::npos;
  const std::string_view port = has_address ? text.substr(colon + 1) : text;
  if (!port.empty() && (port.contains('/') || !parse_port_range(port))) return false;
  return !has_address || colon == 0 || is_address(std::string(text.substr(0, colon)));
}

}  // namespace

Result<std::vector<std::string>> parse_ports(std::string_view text, ExpansionBudget& budget) {
  const auto malformed = [&] {
    return std::unexpected(Error(ErrorKind::invalid, fmt::format("'{}' is not a port", printable(text, 80)))
                               .hint("ports are 80, 80/udp, 8000-8010 or 8000-8010/tcp"));
  };
  // "address:port of the host:port": what the host does is said when the container is made.
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && !is_host_side(text.substr(0, colon))) return malformed();
  std::string_view port = text.substr(std::min(text.size(), colon + 1));
  if (port.ends_with('/')) port.remove_suffix(1);
  const std::optional<PortRange> range = parse_port_range(port);
  if (!range) return malformed();
  return each_port(*range, budget.text);
}

Result<std::int64_t> parse_go_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double nanoseconds;
  };
  static constexpr Unit k_units[] = {{"ns", 1},  {"us", 1e3}, {"\u00b5s", 1e3}, {"ms", 1e6},
                                     {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  const auto malformed = [&] {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is not a duration", printable(text, 40)))
            .hint("durations are 30s, 1m30s, 500ms"));
  };
  if (text == "0") return 0;
  double total = 0;
  std::string_view rest = text;
  if (rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.empty()) return malformed();
  while (!rest.empty()) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    const std::string_view number = rest.substr(0, digits);
    const std::size_t dot = number.find('.');
    const std::string_view whole = number.substr(0, dot);
    const std::string_view fraction = dot == std::string_view::npos ? "" : number.substr(dot + 1);
    if (number.size() > 18 || (whole.empty() && fraction.empty()) || fraction.contains('.'))
      return malformed();
    double value = 0;
    for (const char c : whole) value = value * 10 + (c - '0');
    double place = 0.1;
    for (const char c : fraction) {
      value += (c - '0') * place;
      place /= 10;
    }
    rest.remove_prefix(digits);
    const std::size_t letters = std::min(rest.find_first_of("0123456789."), rest.size());
    const auto* unit = std::ranges::find(k_units, rest.substr(0, letters), &Unit::name);
    if (unit == std::end(k_units)) return malformed();
    total += value * unit->nanoseconds;
    rest.remove_prefix(letters);
  }
  if (total >= 9.2e18) return malformed();
  const auto result = static_cast<std::int64_t>(total + 0.5);
  if (result != 0 && result < 1'000'000)
    return fail(ErrorKind::invalid, "'{}' is less than a millisecond", printable(text, 40));
  return result;
}

Result<std::string> check_signal(std::string_view text) {
  TRY(parse_signal(text));
  return std::string(text);
}

}  // namespace ecrin::recipes::containerfile

#include "run/network/network_counters.hpp"

#include <sched.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_limit = 1u << 20;

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words = split(std::string(line), ' ');
  std::erase_if(words, [](const std::string& word) { return word.empty(); });
  return words;
}

// "Udp: InDatagrams OutDatagrams", and below it "Udp: 3 4".
std::uint64_t table_value(const std::vector<std::string>& lines, std::string_view table,
                          std::string_view name) {
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    if (!lines[i].starts_with(table) || !lines[i + 1].starts_with(table)) continue;
    const std::vector<std::string> names = words_of(lines[i]);
    const std::vector<std::string> values = words_of(lines[i + 1]);
    const auto found = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
    if (found >= names.size() || found >= values.size()) continue;
    return parse_unsigned(values[found], UINT64_MAX).value_or(0);
  }
  return 0;
}

// "Udp6OutDatagrams", a tab, "4"
std::uint64_t line_value(const std::vector<std::string>& lines, std::string_view name) {
  for (const std::string& line : lines) {
    std::string spaced = line;
    std::ranges::replace(spaced, '\t', ' ');
    const std::vector<std::string> words = words_of(spaced);
    if (words.size() == 2 && words[0] == name) return parse_unsigned(words[1], UINT64_MAX).value_or(0);
  }
  return 0;
}

}  // namespace

NetworkCounters parse_network_counters(std::string_view snmp, std::string_view snmp6) {
  const std::vector<std::string> tables = split(std::string(snmp), '\n');
  const std::vector<std::string> lines = split(std::string(snmp6), '\n');
  return {.connections = table_value(tables, "Tcp:", "ActiveOpens"),
          .datagrams = table_value(tables, "Udp:", "OutDatagrams") +
                       table_value(tables, "UdpLite:", "OutDatagrams") +
                       line_value(lines, "Udp6OutDatagrams") + line_value(lines, "UdpLite6OutDatagrams"),
          .echoes = table_value(tables, "Icmp:", "OutEchos") + line_value(lines, "Icmp6OutEchos")};
}

Result<NetworkCounters> network_counters(const Fd& network_namespace) {
  Result<NetworkCounters> counters;
  std::thread reader([&] {
    counters = [&]() -> Result<NetworkCounters> {
      if (::setns(network_namespace.get(), CLONE_NEWNET) != 0)
        return fail_errno("cannot enter a network namespace");
      const std::string snmp = TRY(posix::read_file("/proc/thread-self/net/snmp", k_limit));
      // Without IPv6 there is no such file.
      const auto snmp6 = posix::read_file("/proc/thread-self/net/snmp6", k_limit);
      return parse_network_counters(snmp, snmp6.value_or(""));
    }();
  });
  reader.join();
  return counters;
}

}  // namespace ecrin::run

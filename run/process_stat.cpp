#include "run/process_stat.hpp"

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  // The end of the name is looked for from behind.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open ||
      close + 2 >= text.size())
    return std::nullopt;
  ProcessStat stat;
  stat.name = text.substr(open + 1, close - open - 1);
  const std::vector<std::string> fields = split(trim(text.substr(close + 2)), ' ');
  constexpr std::size_t k_least_fields = 22;
  if (fields.size() < k_least_fields || fields[0].size() != 1) return std::nullopt;
  const auto number = [&](std::size_t index) { return parse_unsigned(fields[index]).value_or(0); };
  stat.state = fields[0].front();
  stat.parent = static_cast<pid_t>(number(1));
  stat.terminal = static_cast<int>(number(4));
  stat.user_ticks = number(11);
  stat.system_ticks = number(12);
  stat.children_ticks = number(13) + number(14);
  stat.start_time = number(19);
  stat.resident_pages = number(21);
  if (fields.size() > 25) stat.start_of_stack = number(25);
  return stat;
}

Result<ProcessStat> read_process_stat(pid_t pid) {
  const std::string text = TRY(posix::read_file(fmt::format("/proc/{}/stat", pid), 4096));
  auto stat = parse_process_stat(text);
  if (!stat) return fail(ErrorKind::invalid, "cannot understand /proc/{}/stat", pid);
  return std::move(*stat);
}

pid_t parse_inner_pid(std::string_view status) {
  const std::size_t at = status.find("\nNSpid:");
  if (at == std::string_view::npos) return 0;
  std::string_view line = status.substr(at + 7);
  line = line.substr(0, line.find('\n'));
  return static_cast<pid_t>(parse_unsigned(line.substr(line.find_last_of(" \t") + 1)).value_or(0));
}

}  // namespace ecrin::run

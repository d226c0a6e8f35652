// What the kernel tells of a process in /proc: the one reader of its texts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::run {

/// /proc/PID/stat, in the kernel's units.
struct ProcessStat {
  std::string name;  // the program's choice: anything may be in it
  char state = '?';
  pid_t parent = 0;
  int terminal = 0;
  std::uint64_t user_ticks = 0, system_ticks = 0;
  std::uint64_t children_ticks = 0;  // both, of those that have ended and were waited for
  std::uint64_t start_time = 0;      // ticks since the boot
  std::uint64_t resident_pages = 0;
  std::uint64_t start_of_stack = 0;  // address, another one for each execution; 0: it is not told
  bool has_ended() const { return state == 'Z' || state == 'X'; }
};

/// Pure; none: this is no such text.
std::optional<ProcessStat> parse_process_stat(std::string_view text);
Result<ProcessStat> read_process_stat(pid_t pid);

/// The number in the innermost pid namespace out of /proc/PID/status ("NSpid:", the last number); 0: it is
/// not told.
pid_t parse_inner_pid(std::string_view status);

}  // namespace ecrin::run

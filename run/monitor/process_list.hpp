// The processes of a container, as `ecrin top` shows them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace ecrin::run {

struct ProcessEntry {
  pid_t pid = 0;       // in the container
  pid_t parent = 0;    // the same; 0: outside
  pid_t host_pid = 0;  // as the process that looked sees it
  uid_t uid = 0;       // in the container
  char state = '?';
  int terminal = 0;                // device number; 0: none
  std::uint64_t cpu = 0;           // milliseconds
  std::uint64_t children_cpu = 0;  // of those that have ended and were waited for
  std::uint64_t started = 0;       // milliseconds after the machine
  std::uint64_t resident = 0;      // bytes
  std::string command;             // with its arguments, for people
  std::string name;
};

/// All in the pid namespace of this process, oldest first; for who may look into it.
Result<std::vector<ProcessEntry>> list_processes(pid_t first);

/// To a packet and back; as many as fit.
Json processes_json(const std::vector<ProcessEntry>& entries);
Result<std::vector<ProcessEntry>> parse_processes(const Json& json);

}  // namespace ecrin::run

// What the parts of host_calls.cpp share: the calls that are answered, and one that is being answered.
#pragma once

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "run/chroot/host_calls.hpp"
#include "run/owners/call_context.hpp"

namespace ecrin::run {

struct HostCall {
  const Caller& caller;
  const HostFiles& files;
  pid_t process, thread;
  std::string path;  // for this process
  std::array<std::uint64_t, 6> arguments;
  std::string named;  // as the caller has it
};

struct HostEntry {
  AnsweredCall rule;
  long number;
  unsigned path;  // which argument it is
  CallAnswer (*answer)(const HostCall&);
  enum class Final { followed, by_flags, stays } symlink = Final::followed;
  unsigned flags = 0;  // by_flags: which argument they are
  /// missing: what has a stand-in in the root directory is left to the kernel, which changes that.
  enum class About { all, missing } about = About::all;
};

/// Calls that change owner, mode, times or size of a file that they name.
const std::vector<HostEntry>& changing_host_entries();

inline CallAnswer errno_answer() {
  return answer_error(errno);
}

}  // namespace ecrin::run

// What a system call of a container's program gets as its answer where the kernel has one id for all: owners
// are recorded instead of set, ids are remembered, devices are stood in for, and what asks for any of these
// is told so. Everything else goes on in the kernel.
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "run/owners/caller.hpp"
#include "run/owners/owner_records.hpp"
#include "run/owners/program_ids.hpp"
#include "run/seccomp/seccomp_compiler.hpp"

namespace ecrin::run {

struct CallAnswer {
  bool proceeds = true;    // the kernel does it
  int error = 0;           // errno
  std::int64_t value = 0;  // what the call returns
  Fd descriptor;           // instead: the caller gets it, and its number is the value
  bool close_on_exec = false;
};

/// The calls that have to be answered: under any of these conditions, or always where there are none.
struct AnsweredCall {
  const char* name;
  std::vector<SeccompCondition> when;
};
const std::vector<AnsweredCall>& answered_calls();

/// May be used by several threads.
class OwnerCalls {
public:
  OwnerCalls(OwnerRecords& records, ProgramIdsTable& ids, KernelFiles kernel_files = KernelFiles::mounted);
  CallAnswer answer(const Fd& listener, const seccomp_notif& notification);

private:
  OwnerRecords& m_records;
  ProgramIdsTable& m_ids;
  KernelFiles m_kernel_files;
  std::vector<int> m_kinds;  // by number of the call
};

}  // namespace ecrin::run

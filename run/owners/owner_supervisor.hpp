// Keeps the true owners of a container's files where its user namespace has one id only: its programs run
// under a filter that stops them at the calls of owner_calls.hpp, and threads of this process answer
// (seccomp_unotify(2)). It works for static and set-id programs too, and for what is started in there later.
#pragma once

#include <memory>
#include <string>

#include "base/fd.hpp"
#include "run/owners/owner_records.hpp"
#include "run/owners/program_ids.hpp"

namespace ecrin::run {

class OwnerSupervisor {
public:
  OwnerSupervisor(OwnerRecords records, ProgramIds first);
  OwnerSupervisor(OwnerSupervisor&&) noexcept;
  ~OwnerSupervisor();  // programs that still run get ENOSYS for these calls

  /// For one process and its children: the stage sends the filter's listener over the socket that is
  /// returned.
  Result<Fd> add_process();
  /// The number (Caller::ids_number) of a program that begins with these ids.
  Result<std::uint32_t> ids_number(const ProgramIds& ids);

private:
  struct State;
  std::unique_ptr<State> m_state;
};

/// The filter that stops programs: the bytes of an array of sock_filter.
Result<std::string> owner_filter();

}  // namespace ecrin::run

// Keeps the true owners of a container's files where its user namespace has one id only: its programs run
// under a filter that stops them at the calls of owner_calls.hpp, and threads of this process answer
// (seccomp_unotify(2)). It works for static and set-id programs too, and for what is started in there later.
#pragma once

#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "oci/runtime_config.hpp"
#include "run/chroot/host_calls.hpp"

namespace ecrin::run {

struct StageRequest;  // run/stage_process.hpp

class OwnerSupervisor {
public:
  enum class Owners { kept, left };
  /// With `host_files` calls that name files of the kernel are answered too (chroot/host_calls.hpp).
  explicit OwnerSupervisor(Owners owners = Owners::kept, std::optional<HostFiles> host_files = {});
  OwnerSupervisor(OwnerSupervisor&&) noexcept;
  ~OwnerSupervisor();  // programs that still run get ENOSYS for these calls

  /// The kernel lets the program be nobody but root: who it is otherwise, it is told by this number.
  Result<std::uint64_t> take_ids(oci::RuntimeProcess& process);
  /// Answers for the program that the stage becomes, and for its children.
  Result<> supervise(StageRequest& request, std::uint64_t ids_number);

private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace ecrin::run

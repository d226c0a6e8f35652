// WorkingMounts: working containers that programs of the host write to (`ecrin mount`). Table
// `working_mounts`; a mount's files are in <store>/mounts/<id>/, the tree is `merged` there.
//
// What is written goes into a layer of the store that grows as long as the mount is there. take_written()
// makes a step of it, with the digest of the layer in its key: the same files written give the same key for
// what follows. A mount that ended with its session is taken in the same way, so nothing is lost by leaving
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "build/working_containers.hpp"
#include "build/workshop.hpp"

namespace ecrin::build {

struct WorkingMount {
  enum class Kind { overlay, copy };
  std::string container;
  std::string id;     // directory name under mounts/
  std::string layer;  // directory id
  Kind kind = Kind::copy;
  std::string lease;       // overlay: of the session, tied to it
  std::string name_space;  // overlay: the mount namespace that sees it
};
std::string_view to_string(WorkingMount::Kind kind);

class WorkingMounts {
public:
  explicit WorkingMounts(Store& store) : m_store(&store) {}

  std::string directory(const WorkingMount& mount) const;
  std::string path(const WorkingMount& mount) const { return directory(mount) + "/merged"; }
  Result<std::optional<WorkingMount>> find(const std::string& container);
  Result<std::vector<WorkingMount>> list();  // by container
  Result<> put(const WorkingMount& mount);
  /// Gives up what the mount held and removes its files and its row. It must be unmounted. `also` is done in
  /// the same transaction.
  Result<> remove(const WorkingMount& mount, const std::function<Result<>()>& also = {});
  /// May somebody write to it still? A copy lasts; an overlay goes with its session.
  Result<bool> is_live(const WorkingMount& mount);

private:
  Store* m_store;
};

/// Where a mount of the kernel's overlay is made; it goes with that session.
struct MountSession {
  std::string lease;
  std::string name_space;
};
/// Shows the container's tree for writing; with its lock held. Without a session, or where the kernel's
/// overlay cannot be used, as a copy.
Result<WorkingMount> mount_container(Workshop& workshop, const WorkingContainer& container,
                                     const std::optional<MountSession>& session, const CancelToken& cancel);

/// Makes a step of what was written through the mount, which must be unmounted, and records it: the mount is
/// gone afterwards. With the container's lock held. Nothing written is no step.
struct StepTimes {
  std::int64_t epoch = 0;  // times after it become it
  std::int64_t now = 0;
};
Result<> take_written(Workshop& workshop, WorkingContainer& container, WorkingMount mount,
                      const StepTimes& times, const CancelToken& cancel);

/// What others take from a container must not depend on who writes to it at the time.
Result<> refuse_mounted(Workshop& workshop, const std::string& container);
/// Before steps and commits: takes what a mount left that is gone with its session; one that is there is an
/// error that says what to do.
Result<> settle_mount(Workshop& workshop, WorkingContainer& container, const StepTimes& times,
                      const CancelToken& cancel);

}  // namespace ecrin::build

// The files of a container, for verbs that read and write them while it runs or not.
#pragma once

#include <optional>

#include "base/file_lock.hpp"
#include "cli/containers/launch.hpp"
#include "cli/containers/selection.hpp"
#include "fs/layer_store.hpp"

namespace ecrin::cli {

/// A container's root directory: as its processes see it, with its mounts, or the tree alone when it does not
/// run. Opened before anything else enters a user namespace.
class ContainerRoot {
public:
  static Result<ContainerRoot> open(Session& session, const std::string& words);
  const Fd& directory() const { return m_root; }
  const run::StoredContainer& record() const { return m_record; }
  build::Workshop& workshop() { return *m_workshop; }
  /// What was written goes into the container's own layer.
  Result<> finish();

private:
  ContainerRoot() = default;
  run::StoredContainer m_record;
  build::Workshop* m_workshop = nullptr;
  std::optional<FileLock> m_lock;  // it does not run, and will not meanwhile
  ContainerTree m_tree;
  Fd m_root;
};

/// What was written to a container's tree, as a canonical changeset (fs/changeset.hpp), copied: it may run
/// on. `epoch` as in fs::CanonicalOptions.
struct ContainerChanges {
  fs::LayerDraft draft;
  std::vector<std::string> lowers;  // paths of the layers below
};
Result<ContainerChanges> container_changes(Containers& containers, build::Workshop& workshop,
                                           const run::StoredContainer& record, std::int64_t epoch,
                                           const CancelToken& cancel);

}  // namespace ecrin::cli

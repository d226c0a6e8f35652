// The mounts of a RUN step: binds of the context and of other stages, caches, tmpfs, secrets. What they need
// lives as long as this object: mounted trees, copies, locks. Nothing that a container writes through a bind
// comes back.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "base/socket_relay.hpp"
#include "build/executor.hpp"
#include "build/traced_binds.hpp"
#include "build/traced_inputs.hpp"
#include "build/traced_step.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::build {

/// A directory in memory, mounted in our mount namespace: what is in it never reaches a disk. Where nothing
/// can be mounted it is one of the store.
class MemoryDirectory {
public:
  enum class Programs { no, yes };  // may files in it be executed?
  static Result<std::unique_ptr<MemoryDirectory>> create(Workshop& workshop, Programs programs);
  ~MemoryDirectory();
  /// Path of the new file.
  Result<std::string> add(std::string_view content, mode_t mode, uid_t uid, gid_t gid);
  /// Path of a new socket whose connections go to `target`.
  Result<std::string> add_relay(const std::string& target, mode_t mode, uid_t uid, gid_t gid);

private:
  explicit MemoryDirectory(std::string path) : m_path(std::move(path)) {}
  Result<std::string> finish(const Fd& directory, const std::string& name, mode_t mode, uid_t uid, gid_t gid);
  std::string m_path;
  std::size_t m_count = 0;
  std::vector<std::unique_ptr<SocketRelay>> m_relays;
};

class RunMounts {
public:
  RunMounts(Session& session, const StepScope& scope) : m_session(session), m_scope(scope) {}
  /// Takes the caches that steps have for themselves one after the other. Before the mounts are added.
  Result<> lock_caches(const std::vector<recipes::Mount>& mounts);
  Result<> add(const recipes::Mount& mount, std::size_t position);
  /// A script that is part of the recipe, where run_arguments() finds it.
  Result<> add_script(const recipes::InlineFile& script);
  std::vector<oci::RuntimeMount>& mounts() { return m_mounts; }
  /// Sources of those in which what is written stays: caches.
  const std::set<std::string>& kept_sources() const { return m_kept_sources; }
  /// Variables that mounts bring: secrets, SSH_AUTH_SOCK.
  const std::vector<recipes::KeyValue>& environment() const { return m_environment; }
  /// From now on, what the step uses of files that it mounts is recorded, where only such of them count.
  /// Before the mounts are added.
  void record_use();
  /// When its programs have ended: what it used, as paths of a trace. None: not all of it is known.
  Result<std::optional<fs::ImageTrace>> finish_use();
  /// Ids of the secrets that the step sees.
  const std::vector<std::string>& secrets() const { return m_secret_ids; }

private:
  Result<std::string> bind_source(const recipes::Mount& mount, std::size_t position);
  Result<fs::LayerDraft> copy_of_context(const Selection& selection);
  Result<std::string> context_source(const recipes::Mount& mount, std::size_t position);
  Result<std::string> recorded_source(const recipes::Mount& mount, std::size_t position);
  Result<std::string> tree_source(const recipes::Mount& mount);
  Result<std::string> recorded_tree(const recipes::Mount& mount, const TracedInput& input);
  Result<std::string> cache_source(const recipes::Mount& mount);
  struct CacheName {
    std::string id;
    std::string directory;  // in that of the cache
  };
  Result<> make_cache(const Fd& cache, const CacheName& name, const recipes::Mount& mount);
  Result<> seed_cache(const Fd& content, const recipes::Mount& mount);
  Result<> add_secret(const recipes::Mount& mount);
  Result<> add_ssh(const recipes::Mount& mount);

  Session& m_session;
  const StepScope& m_scope;
  std::vector<OtherTree> m_trees;
  std::vector<fs::LayerDraft> m_copies;
  bool m_records_files = false;
  std::vector<std::unique_ptr<TracedBind>> m_recorded;
  std::vector<TracedInput> m_traced_inputs;
  std::vector<std::pair<TracedInput, TracedMount>> m_recorded_trees;
  std::optional<fs::ImageTrace> m_used = fs::ImageTrace();  // so far
  std::vector<FileLock> m_locks;
  std::unique_ptr<MemoryDirectory> m_private;  // secrets, sockets
  std::unique_ptr<MemoryDirectory> m_scripts;
  std::vector<std::string> m_secret_ids;
  std::vector<recipes::KeyValue> m_environment;
  std::size_t m_sockets = 0;
  std::vector<oci::RuntimeMount> m_mounts;
  std::set<std::string> m_kept_sources;
};

}  // namespace ecrin::build

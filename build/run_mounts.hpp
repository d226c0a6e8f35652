// The mounts of a RUN step: binds of the context and of other stages, caches, tmpfs, secrets. What they need
// lives as long as this object: mounted trees, copies, locks. Nothing that a container writes through a bind
// comes back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "build/executor.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::build {

/// A directory in memory, mounted in our mount namespace: what is in it never reaches a disk.
class SecretDirectory {
public:
  static Result<std::unique_ptr<SecretDirectory>> create(Workshop& workshop);
  ~SecretDirectory();
  /// Path of the new file.
  Result<std::string> add(std::string_view content, mode_t mode, uid_t uid, gid_t gid);

private:
  explicit SecretDirectory(std::string path) : m_path(std::move(path)) {}
  std::string m_path;
  std::size_t m_count = 0;
};

/// What a cache mount is called when nothing else says so: where it is mounted.
std::string cache_mount_id(const oci::ImageConfig& before, const recipes::Mount& mount);
/// Below <store>/cache: the id is never part of a path.
std::string cache_directory_name(const std::string& id);

class RunMounts {
public:
  RunMounts(Session& session, const StepScope& scope) : m_session(session), m_scope(scope) {}
  Result<> add(const recipes::Mount& mount, std::size_t position);
  std::vector<oci::RuntimeMount>& mounts() { return m_mounts; }

private:
  Result<std::string> bind_source(const recipes::Mount& mount, std::size_t position);
  Result<std::string> context_source(const recipes::Mount& mount, std::size_t position);
  Result<std::string> cache_source(const recipes::Mount& mount);
  Result<> add_secret(const recipes::Mount& mount, const std::string& target);
  Result<Fd> cache_directory(const Fd& parent, const std::string& name, const recipes::Mount& mount);

  Session& m_session;
  const StepScope& m_scope;
  std::vector<OtherTree> m_trees;
  std::vector<fs::LayerDraft> m_copies;
  std::vector<FileLock> m_locks;
  std::unique_ptr<SecretDirectory> m_secrets;
  std::vector<oci::RuntimeMount> m_mounts;
};

}  // namespace ecrin::build

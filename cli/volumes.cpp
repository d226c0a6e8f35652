#include "cli/volumes.hpp"

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/tree.hpp"

namespace ecrin::cli {
namespace {

// A new volume looks like the directory that it covers: content, owner and mode, as podman and docker do it.
Result<> fill(const Fd& parent, const Fd& data, const Fd& rootfs, const std::string& destination) {
  auto covered = posix::open_in_root(rootfs, destination, O_RDONLY | O_DIRECTORY);
  if (!covered) return {};  // nothing there, or no directory: an empty volume
  TRY(fs::copy_tree(*covered, data, fs::Hardlinks::keep));
  const struct stat status = TRY(posix::stat_fd(*covered));
  TRY(posix::chown_at(parent, "data", status.st_uid, status.st_gid));
  return posix::chmod_at(parent, "data", status.st_mode & 07777);
}

Result<> make_volume(const Fd& parent, const Fd& rootfs, const std::string& destination) {
  TRY(posix::mkdir_at(parent, "data", 0755));
  const Fd data = TRY(posix::open_at(parent, "data", O_RDONLY | O_DIRECTORY));
  return fill(parent, data, rootfs, destination);
}

}  // namespace

Volumes::~Volumes() {
  if (m_drafts.empty()) return;
  const auto temporary = m_store.temporary();
  if (!temporary) return;
  for (const std::string& draft : m_drafts) {
    const auto removed = fs::remove_tree(*temporary, draft);
    if (!removed)
      log::warning("cannot remove a volume that is not needed any more: {}", removed.error().message());
  }
}

Result<std::string> Volumes::make_draft(const Fd& rootfs, const std::string& destination) {
  const Fd temporary = TRY(m_store.temporary());
  std::string draft = "volume-" + Store::unique_name();
  TRY(posix::mkdir_at(temporary, draft, 0700));
  m_drafts.push_back(draft);
  TRY(make_volume(TRY(posix::open_at(temporary, draft, O_RDONLY | O_DIRECTORY)), rootfs, destination));
  return draft;
}

Result<std::string> Volumes::open(const std::string& name, const Fd& rootfs, const std::string& destination) {
  if (name.empty()) {
    const std::string draft =
        TRY_WHILE(make_draft(rootfs, destination), "making a volume for '{}'", printable(destination));
    return m_store.temporary_path() + "/" + draft + "/data";
  }
  const Fd volumes = TRY(m_store.subdirectory("volumes"));
  const std::string path = m_store.path() + "/volumes/" + name + "/data";
  if (TRY(posix::exists_at(volumes, name)) == posix::Exists::yes) return path;
  const std::string draft = TRY_WHILE(make_draft(rootfs, destination), "making the volume '{}'", name);
  // The rename decides between two containers that make the same volume at once: the loser uses the winner's.
  const auto renamed = posix::rename_at(TRY(m_store.temporary()), draft, volumes, name, RENAME_NOREPLACE);
  if (!renamed && TRY(posix::exists_at(volumes, name)) == posix::Exists::no)
    return std::unexpected(renamed.error());
  return path;
}

Result<NamedLock> lock_container_name(Store& store, const std::string& name) {
  auto lock = TRY(NamedLock::acquire_now(TRY(store.subdirectory("containers")), name + ".lock"));
  if (lock) return *std::move(lock);
  return std::unexpected(
      Error(ErrorKind::conflict, fmt::format("a container with the name '{}' is running", name))
          .hint("take another --name, or stop that one first"));
}

}  // namespace ecrin::cli

#include "run/chroot/placed_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "fs/file_owners.hpp"
#include "fs/tree.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_kept_lock = "copy.lock";

std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

Result<Fd> open_directory(const std::string& path) {
  return posix::open(path.empty() ? "/" : path, O_RDONLY | O_DIRECTORY);
}

Result<> copy_attributes(const struct stat& status, const Fd& parent, const std::string& name) {
  TRY(fs::set_owner_at(parent, name, status.st_uid, status.st_gid));
  TRY(posix::chmod_at(parent, name, status.st_mode & 07777));
  return posix::set_times_at(parent, name, status.st_mtim);
}

Result<> copy_to(const std::string& source, const Fd& parent, const std::string& name) {
  const Fd from = TRY(posix::open(source, O_PATH));
  const struct stat status = TRY(posix::stat_fd(from));
  if (S_ISDIR(status.st_mode)) {
    TRY(posix::mkdir_at(parent, name, 0700));
    {
      const Fd to = TRY(posix::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      TRY(fs::copy_tree(TRY(open_directory(source)), to, fs::Hardlinks::keep));
    }
    return copy_attributes(status, parent, name);
  }
  // A connection to a socket goes to whoever made it, by whatever name.
  if (S_ISSOCK(status.st_mode)) {
    const auto [directory, last] = split_path(source);
    return posix::link_at(TRY(open_directory(directory)), last, parent, name);
  }
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::unsupported, "'{}' is neither a file nor a directory: it cannot be copied",
                printable(source));
  {
    const Fd content = TRY(posix::open(source, O_RDONLY));
    const Fd to = TRY(posix::open_at(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(posix::copy_file_data(content, to, static_cast<std::uint64_t>(status.st_size)));
  }
  return copy_attributes(status, parent, name);
}

// The copy takes the place of the original, which is there at any time.
Result<> keep(const Fd& parent, const std::string& name, const std::string& path) {
  const auto [directory_path, last] = split_path(path);
  const Fd directory = TRY(open_directory(directory_path));
  const std::string passing = ".kept-" + random_hexadecimal(16);
  TRY(posix::rename_at(parent, name, directory, passing));
  TRY(posix::rename_at(directory, passing, directory, last, RENAME_EXCHANGE));
  return fs::remove_tree(directory, passing);
}

}  // namespace

PlacedFiles::~PlacedFiles() {
  if (auto restored = restore(); !restored)
    log::warning("{}: {}", "the files of a step were not taken away", restored.error().message());
}

bool PlacedFiles::is_inside_another(const std::string& target) const {
  return std::ranges::any_of(
      m_directories, [&](const std::string& directory) { return target.starts_with(directory + "/"); });
}

// Steps that use one cache at the same time would overwrite each other's. In one order, so that they do not
// wait for each other for ever.
Result<> PlacedFiles::lock_kept(const std::vector<Placement>& placements) {
  std::set<std::string> directories;
  for (const Placement& placement : placements)
    if (placement.is_kept) directories.insert(split_path(placement.source).first);
  for (const std::string& path : directories)
    m_locks.push_back(TRY(FileLock::acquire_named(TRY(open_directory(path)), k_kept_lock, 0600, nullptr)));
  return {};
}

Result<PlacedFiles> PlacedFiles::place(const std::string& rootfs, const std::vector<Placement>& placements) {
  PlacedFiles files;
  TRY(files.lock_kept(placements));
  files.m_root = TRY(posix::open(rootfs, O_PATH | O_DIRECTORY));
  std::string beside = rootfs;
  while (beside.size() > 1 && beside.ends_with('/')) beside.pop_back();
  files.m_beside = TRY(open_directory(split_path(beside).first));
  const std::string name = ".ecrin-covered-" + random_hexadecimal(16);
  TRY(posix::mkdir_at(files.m_beside, name, 0700));
  files.m_beside_name = name;
  files.m_covered = TRY(posix::open_at(files.m_beside, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  for (const Placement& placement : placements)
    TRY_WHILE(files.add(placement), "providing '/{}' in the container", printable(placement.target));
  return files;
}

// Every step is looked up inside the root, and what is missing is made.
Result<Fd> PlacedFiles::open_parent(const std::string& path, bool is_inside) {
  Fd current = TRY(posix::open_in_root(m_root, "", O_PATH | O_DIRECTORY));
  std::string known;
  for (const std::string& part : split(path, '/')) {
    if (part.empty()) continue;
    const std::string next = known.empty() ? part : known + "/" + part;
    auto opened = posix::open_in_root(m_root, next, O_PATH | O_DIRECTORY);
    if (!opened && opened.error().code() == ENOENT) {
      TRY(posix::mkdir_at(current, part, 0755));
      if (!is_inside) m_created.push_back(next);
      opened = posix::open_in_root(m_root, next, O_PATH | O_DIRECTORY);
    }
    current = TRY(std::move(opened));
    known = next;
  }
  return current;
}

Result<> PlacedFiles::put(const Fd& parent, const std::string& name, const Placement& placement) {
  switch (placement.kind) {
    case Placement::Kind::mount_point:
    case Placement::Kind::directory:
      TRY(posix::mkdir_at(parent, name, 0700));
      return posix::chmod_at(parent, name, placement.mode);
    case Placement::Kind::file: {
      const Fd file = TRY(posix::open_at(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
      TRY(posix::write_full(file, std::string_view(placement.source)));
      return posix::fchmod(file, placement.mode);
    }
    case Placement::Kind::copy:
      return copy_to(placement.source, parent, name);
    case Placement::Kind::symlink:
      return posix::symlink_at(placement.source, parent, name);
    case Placement::Kind::device: {
      const DeviceNode& node = placement.node;
      auto made = posix::mknod_at(parent, name, node.mode, makedev(node.major, node.minor));
      // Who opens it by its name gets the host's anyway (host_calls.hpp).
      if (!made) TRY(posix::open_at(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
      return posix::chmod_at(parent, name, node.mode & 07777);
    }
  }
  return {};
}

Result<> PlacedFiles::add(const Placement& placement) {
  using Kind = Placement::Kind;
  const auto [directory, name] = split_path(placement.target);
  const bool is_inside = is_inside_another(placement.target);
  if (placement.kind == Kind::mount_point) {
    TRY(open_parent(placement.target, is_inside));
    return {};
  }
  Placed placed{.parent = TRY(open_parent(directory, is_inside)),
                .name = name,
                .covered = {},
                .is_inside = is_inside,
                .kept_as = placement.is_kept ? placement.source : ""};
  if (TRY(posix::exists_at(placed.parent, name)) == posix::Exists::yes) {
    if (is_inside) {
      TRY(fs::remove_tree(placed.parent, name));
    } else {
      placed.covered = std::to_string(m_placed.size());
      TRY(posix::rename_at(placed.parent, name, m_covered, placed.covered));
    }
  } else if (!is_inside) {
    m_created.push_back(placement.target);
  }
  // From here on it is taken away whatever happens.
  m_placed.push_back(std::move(placed));
  Placed& last = m_placed.back();
  TRY(put(last.parent, name, placement));
  last.is_directory = S_ISDIR(TRY(posix::lstat_at(last.parent, name)).st_mode);
  if (last.is_directory) m_directories.push_back(placement.target);
  return {};
}

Result<> PlacedFiles::take_away(const Placed& placed) {
  const bool is_there = TRY(posix::exists_at(placed.parent, placed.name)) == posix::Exists::yes;
  if (is_there && !placed.kept_as.empty() && placed.is_directory)
    TRY(keep(placed.parent, placed.name, placed.kept_as));
  else if (is_there && !placed.is_inside)
    TRY(fs::remove_tree(placed.parent, placed.name));
  if (placed.is_inside) return {};
  if (!placed.covered.empty()) return posix::rename_at(m_covered, placed.covered, placed.parent, placed.name);
  // As a mount point that was made for a mount: whoever hears of it in created() decides.
  if (placed.is_directory) return posix::mkdir_at(placed.parent, placed.name, 0755);
  TRY(posix::open_at(placed.parent, placed.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  return {};
}

Result<> PlacedFiles::restore() {
  Result<> outcome;
  for (; !m_placed.empty(); m_placed.pop_back()) {
    // A program may have removed the directory that it was in.
    auto done = take_away(m_placed.back());
    if (!done && done.error().code() != ENOENT && outcome) outcome = std::move(done);
  }
  m_covered.reset();
  if (m_beside && !m_beside_name.empty()) {
    auto removed = fs::remove_tree(m_beside, std::exchange(m_beside_name, {}));
    if (!removed && outcome) outcome = std::move(removed);
  }
  m_locks.clear();
  return outcome;
}

}  // namespace ecrin::run

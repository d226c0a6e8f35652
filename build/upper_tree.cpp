#include "build/upper_tree.hpp"

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

Result<RootPath> UpperTree::locate(std::string_view path) {
  return TRY_WHILE(m_lower ? resolve_in_root(*m_lower, path) : resolve_in_root(m_upper, path),
                   "looking up '{}'", printable(path));
}

Result<UpperTree::Directory*> UpperTree::need_directory(const std::string& path) {
  if (const auto known = m_directories.find(path); known != m_directories.end()) return &known->second;
  if (path.empty()) {
    // The root is there; what it looks like below counts when something is put into it.
    Directory root{.in_lower = m_lower != nullptr, .mtime = m_mtime};
    if (m_lower) TRY(fs::set_root_metadata(m_upper, m_lower->root()));
    m_order.push_back(path);
    return &m_directories.emplace(path, root).first->second;
  }
  const std::string parent_name = parent_path(path);
  const bool parent_in_lower = TRY(need_directory(parent_name))->in_lower;
  const Fd parent = TRY(open_real_directory(m_upper, parent_name));
  const std::string name = base_name(path);

  Directory directory{.in_lower = false, .mtime = m_mtime};
  std::optional<fs::LowerTree::Found> below;
  if (parent_in_lower) {
    TRY(m_lower->go_to(parent_name));
    below = TRY(m_lower->lookup(name));
  }
  if (below && !S_ISDIR(below->status.st_mode)) {
    return fail(ErrorKind::conflict, "cannot make the directory '/{}': it is {}", printable(path),
                S_ISLNK(below->status.st_mode) ? "a symlink in the tree below" : "a file in the tree below");
  }
  if (auto made = posix::mkdir_at(parent, name, 0755); !made) {
    if (made.error().code() != EEXIST) return std::unexpected(std::move(made).error());
    const struct stat status = TRY(posix::lstat_at(parent, name));
    if (!S_ISDIR(status.st_mode)) {
      return fail(ErrorKind::conflict, "cannot make the directory '/{}': there is a file of that name",
                  printable(path));
    }
    // An archive or an earlier writer made it: it is as they wanted it.
    directory.in_lower = below.has_value();
    directory.mtime = status.st_mtim;
  } else if (below) {
    directory.in_lower = true;
    directory.mtime = below->status.st_mtim;
    const Fd source = TRY(posix::open_at(*below->directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    const Fd made_directory = TRY(posix::open_at(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY(fs::set_root_metadata(made_directory, TRY(fs::root_metadata(source))));
  } else {
    if (m_new_owner) TRY(fs::set_owner_at(parent, name, m_new_owner->first, m_new_owner->second));
    TRY(posix::chmod_at(parent, name, m_new_mode));  // whatever the umask is
  }
  m_order.push_back(path);
  return &m_directories.emplace(path, directory).first->second;
}

Result<const Fd*> UpperTree::parent_of(const std::string& path) {
  const std::string parent = parent_path(path);
  if (m_parent && m_parent_path == parent) return &m_parent;
  const Directory* directory = TRY(need_directory(parent));
  m_parent = TRY(open_real_directory(m_upper, parent));
  m_parent_in_lower = directory->in_lower;
  m_parent_path = parent;
  return &m_parent;
}

namespace {
std::unexpected<Error> is_directory(const std::string& path) {
  return fail(ErrorKind::conflict, "cannot replace the directory '/{}' by a file", printable(path));
}
}  // namespace

Result<const Fd*> UpperTree::place_for(const std::string& path) {
  if (path.empty()) return fail(ErrorKind::conflict, "cannot replace the root directory by a file");
  const Fd* parent = TRY(parent_of(path));
  if (!m_parent_in_lower) return parent;
  TRY(m_lower->go_to(m_parent_path));
  const auto below = TRY(m_lower->lookup(base_name(path)));
  if (below && S_ISDIR(below->status.st_mode)) return is_directory(path);
  return parent;
}

Result<const Fd*> UpperTree::make_room(const std::string& path) {
  const Fd* parent = TRY(place_for(path));
  const std::string name = base_name(path);
  if (const auto there = posix::lstat_at(*parent, name)) {
    if (S_ISDIR(there->st_mode)) return is_directory(path);
    TRY(posix::unlink_at(*parent, name));
  } else if (there.error().code() != ENOENT) {
    return std::unexpected(there.error());
  }
  return parent;
}

Result<> UpperTree::apply(const Fd& parent, const std::string& name, const Attributes& attributes,
                          mode_t type) {
  TRY(fs::set_owner_at(parent, name, attributes.uid, attributes.gid));
  // chown clears the setuid bits and file capabilities, so these come after it; symlinks have no mode.
  if (!S_ISLNK(type)) TRY(posix::chmod_at(parent, name, attributes.mode & 07777));
  if (S_ISREG(type) || S_ISDIR(type)) TRY(fs::set_xattrs_at(parent, name, attributes.xattrs));
  return {};
}

Result<> UpperTree::make_directory(const std::string& path) {
  TRY(need_directory(path));
  return {};
}

Result<> UpperTree::put_directory(const std::string& path, const Attributes& attributes) {
  Directory* directory = TRY(need_directory(path));
  if (!directory->in_lower) directory->mtime = attributes.mtime;
  if (path.empty()) return apply(m_upper, ".", attributes, S_IFDIR);
  return apply(*TRY(parent_of(path)), base_name(path), attributes, S_IFDIR);
}

Result<Fd> UpperTree::put_file(const std::string& path, mode_t mode) {
  // Nearly always nothing is in the way.
  const auto make = [&](const Fd& parent) {
    constexpr int k_flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    return posix::open_at(parent, base_name(path), k_flags, mode & 0777);
  };
  auto file = make(*TRY(place_for(path)));
  if (!file && file.error().code() == EEXIST) file = make(*TRY(make_room(path)));
  return TRY_WHILE(std::move(file), "making '/{}'", printable(path));
}

Result<> UpperTree::put_symlink(const std::string& path, const std::string& target,
                                const Attributes& attributes) {
  const Fd* parent = TRY(make_room(path));
  TRY(posix::symlink_at(target, *parent, base_name(path)));
  return seal(path, attributes, S_IFLNK);
}

Result<> UpperTree::put_hardlink(const std::string& path, const std::string& existing) {
  const Fd* parent = TRY(make_room(path));
  const Fd other = TRY(open_real_directory(m_upper, parent_path(existing)));
  return posix::link_at(other, base_name(existing), *parent, base_name(path));
}

Result<> UpperTree::put_special(const std::string& path, mode_t type, dev_t device,
                                const Attributes& attributes) {
  const Fd* parent = TRY(make_room(path));
  TRY(posix::mknod_at(*parent, base_name(path), (type & S_IFMT) | 0600, device));
  return seal(path, attributes, type);
}

Result<> UpperTree::seal(const std::string& path, const Attributes& attributes, mode_t type) {
  const Fd* parent = TRY(parent_of(path));
  const std::string name = base_name(path);
  TRY(apply(*parent, name, attributes, type));
  return posix::set_times_at(*parent, name, attributes.mtime);
}

Result<> UpperTree::remove(const std::string& path) {
  if (path.empty()) return fail(ErrorKind::conflict, "cannot replace the root directory");
  const Fd parent = TRY(open_real_directory(m_upper, parent_path(path)));
  TRY(fs::remove_tree(parent, base_name(path)));
  const auto is_gone = [&](const std::string& known) {
    return known == path || (known.starts_with(path) && known[path.size()] == '/');
  };
  std::erase_if(m_directories, [&](const auto& directory) { return is_gone(directory.first); });
  std::erase_if(m_order, is_gone);
  m_parent.reset();
  return {};
}

Result<> UpperTree::finish() {
  m_parent.reset();
  if (m_lower) TRY(m_lower->go_to(""));
  for (auto path = m_order.rbegin(); path != m_order.rend(); ++path) {
    const Directory& directory = m_directories.at(*path);
    if (!directory.mtime) continue;
    if (path->empty()) {
      TRY(posix::set_times_at(m_upper, ".", *directory.mtime));
    } else {
      const Fd parent = TRY(open_real_directory(m_upper, parent_path(*path)));
      TRY(posix::set_times_at(parent, base_name(*path), *directory.mtime));
    }
  }
  return {};
}

Result<> set_attributes(const Fd& file, const Attributes& attributes) {
  const struct stat status = TRY(fs::status_of(file));
  const bool changes_owner = status.st_uid != attributes.uid || status.st_gid != attributes.gid;
  if (changes_owner) TRY(fs::set_owner(file, attributes.uid, attributes.gid));
  // chown clears the setuid bits and file capabilities, so these come after it.
  const mode_t mode = attributes.mode & 07777;
  if (changes_owner || (status.st_mode & 07777) != mode) TRY(posix::fchmod(file, mode));
  TRY(fs::set_xattrs(file, attributes.xattrs));
  return fs::set_times(file, attributes.mtime);
}

}  // namespace ecrin::build

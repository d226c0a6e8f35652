#include <algorithm>
#include <map>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/file_filler.hpp"
#include "build/parent_directory.hpp"
#include "build/pattern.hpp"
#include "build/upper_tree.hpp"

namespace ecrin::build {

namespace {

mode_t mode_for(const CopyOptions& options, mode_t own) {
  if (S_ISLNK(own)) return own & 07777;
  if (options.mode) return *options.mode;
  return options.mode_change ? options.mode_change->apply(own) : own & 07777;
}

class Copier {
public:
  Copier(const SourceTree& tree, const CopyOptions& options, UpperTree& upper, const CancelToken* cancel)
      : m_tree(tree),
        m_options(options),
        m_upper(upper),
        m_cancel(cancel),
        m_filler(tree, options),
        m_parent(*tree.root) {}

  /// Names of one file stay so within one item: what another one brings may replace them.
  void begin_item() { m_links.clear(); }
  Result<> copy(const SourceEntry& entry, const std::string& target);
  Result<> finish() { return m_filler.finish(); }
  Attributes attributes(const SourceStatus& status) const {
    return {.mode = mode_for(m_options, status.st_mode),
            .uid = m_options.owner ? m_options.owner->first : status.st_uid,
            .gid = m_options.owner ? m_options.owner->second : status.st_gid,
            .mtime = m_options.mtime.value_or(status.st_mtim)};
  }

private:
  Result<> copy_file(const SourceEntry& entry, const std::string& target);

  const SourceTree& m_tree;
  const CopyOptions& m_options;
  UpperTree& m_upper;
  const CancelToken* m_cancel;
  FileFiller m_filler;
  ParentDirectory m_parent;                                // of what was copied last
  std::map<std::pair<dev_t, ino_t>, std::string> m_links;  // of the item: files with several names -> first
};

Result<> Copier::copy_file(const SourceEntry& entry, const std::string& target) {
  const std::pair inode{entry.status.st_dev, entry.status.st_ino};
  if (entry.status.has_more_names) {
    const auto [link, first] = m_links.emplace(inode, target);
    if (!first) return m_upper.put_hardlink(target, link->second);
  }
  Fd source =
      TRY_WHILE(m_parent.open(entry.path), "copying '{}' from {}", printable(entry.path), m_tree.name);
  auto size = static_cast<std::uint64_t>(entry.status.st_size);
  if (m_options.must_be_unchanged) {
    TRY(check_unchanged(m_tree, entry, source));
  } else {
    const struct stat status = TRY(posix::stat_fd(source));
    if (!S_ISREG(status.st_mode)) TRY(check_unchanged(m_tree, entry, source));
    size = static_cast<std::uint64_t>(status.st_size);
  }
  Attributes attributes = this->attributes(entry.status);
  Fd file = TRY(m_upper.put_file(target, attributes.mode));
  return m_filler.fill({.entry = &entry,
                        .source = std::move(source),
                        .size = size,
                        .file = std::move(file),
                        .attributes = std::move(attributes),
                        .target = target});
}

Result<> Copier::copy(const SourceEntry& entry, const std::string& target) {
  if (m_cancel) TRY(m_cancel->check());
  const mode_t type = entry.status.st_mode & S_IFMT;
  if (type == S_IFREG) return copy_file(entry, target);
  Attributes attributes = this->attributes(entry.status);
  if (type == S_IFDIR) {
    const Fd source = TRY(posix::open_beneath_no_symlinks(*m_tree.root, entry.path.empty() ? "." : entry.path,
                                                          O_PATH | O_DIRECTORY));
    attributes.xattrs = fs::in_scope(m_options.xattrs, TRY(posix::list_xattrs(source)));
    return m_upper.put_directory(target, attributes);
  }
  if (type == S_IFLNK) {
    const Fd* parent = TRY(m_parent.of(entry.path));
    return m_upper.put_symlink(target, TRY(posix::readlink_at(*parent, base_name(entry.path))), attributes);
  }
  if (type != S_IFIFO && m_options.skip_devices) return {};
  TRY_WHILE(m_upper.put_special(target, type, entry.status.st_rdev, attributes),
            "copying the special file '{}' from {}", printable(entry.path), m_tree.name);
  return {};
}

}  // namespace

Result<> need_directory_for_several(UpperTree& upper, const std::string& destination) {
  if (destination.ends_with('/')) return {};
  const RootPath target = TRY(upper.locate(destination));
  if (target.status && S_ISDIR(target.status->st_mode)) return {};
  return fail(ErrorKind::invalid,
              "several sources need a directory as destination: write '{}/' with a slash at its end",
              printable(destination));
}

Result<std::string> file_target(UpperTree& upper, const std::string& destination, const std::string& name,
                                bool must_be_directory) {
  const RootPath found = TRY(upper.locate(destination));
  const bool is_directory = found.status && S_ISDIR(found.status->st_mode);
  if (found.status && !is_directory && must_be_directory) {
    return fail(ErrorKind::conflict, "'{}' is not a directory", printable(destination));
  }
  return is_directory || must_be_directory ? join_path(found.path, name) : found.path;
}

Attributes file_attributes(const CopyOptions& options, mode_t own_mode) {
  const auto [uid, gid] = options.owner.value_or(std::pair<uid_t, gid_t>{0, 0});
  return {.mode = mode_for(options, S_IFREG | own_mode),
          .uid = uid,
          .gid = gid,
          .mtime = options.mtime.value_or(timespec{})};
}

Result<> copy_inline_file(const std::string& name, std::string_view content, const std::string& destination,
                          const CopyOptions& options, UpperTree& upper) {
  const std::string target = TRY(file_target(upper, destination, name, destination.ends_with('/')));
  Fd file = TRY(upper.put_file(target));
  TRY_WHILE(posix::write_full(file, content), "writing '/{}'", printable(target));
  TRY(file.close());
  return upper.seal(target, file_attributes(options, 0644), S_IFREG);
}

Result<> copy_selection(const SourceTree& tree, const std::vector<SourceItem>& items,
                        const std::string& destination, const CopyOptions& options, UpperTree& upper,
                        const CancelToken* cancel) {
  const RootPath base = TRY(upper.locate(destination));
  const bool exists = base.status.has_value();
  const bool is_directory = exists && S_ISDIR(base.status->st_mode);
  // What becomes of a directory is a directory, so that files beside it find one.
  const bool wants_directory =
      destination.ends_with('/') ||
      (items.size() > 1 &&
       std::any_of(items.begin(), items.end(), [](const auto& item) { return item.is_directory(); }));
  if (items.size() > 1 && !wants_directory) TRY(need_directory_for_several(upper, destination));
  if (exists && !is_directory && wants_directory) {
    return fail(ErrorKind::conflict, "cannot copy into '{}': it is not a directory", printable(destination));
  }
  Copier copier(tree, options, upper, cancel);
  for (const SourceItem& item : items) {
    copier.begin_item();
    if (!item.is_directory()) {
      const bool inside = is_directory || wants_directory;
      TRY(copier.copy(item.entries.front(),
                      inside ? join_path(base.path, base_name(item.named)) : base.path));
      continue;
    }
    if (exists && !is_directory) {
      return fail(ErrorKind::conflict, "cannot copy the directory '{}' onto the file '{}'",
                  printable(item.named), printable(destination));
    }
    for (const SourceEntry& entry : item.entries) {
      // The destination stays what it is, or is as any directory that had to be made.
      const std::string_view relative = item.relative(entry);
      if (relative.empty()) {
        TRY(upper.make_directory(base.path));
      } else {
        TRY(copier.copy(entry, join_path(base.path, relative)));
      }
    }
  }
  return copier.finish();
}

}  // namespace ecrin::build

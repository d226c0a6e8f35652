#include "build/unpack_archive.hpp"

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"
#include "fs/file_io.hpp"
#include "fs/layer_apply.hpp"
#include "fs/tar.hpp"

namespace ecrin::build {

namespace {

class Unpacker {
public:
  Unpacker(const Fd& root, UpperTree& tree, const std::string& destination,
           std::optional<std::pair<uid_t, gid_t>> owner, const CancelToken* cancel)
      : m_root(root), m_tree(tree), m_destination(destination), m_owner(owner), m_cancel(cancel) {}

  Result<> run(fs::TarReader& reader);

private:
  Result<> add(fs::TarReader& reader, const fs::TarEntry& entry);
  Result<> count(std::size_t bytes);
  Result<> add_file(fs::TarReader& reader, const fs::TarEntry& entry, const std::string& path);
  /// The real path of a name in the archive: its parent is followed, itself not.
  Result<std::string> place_of(const std::string& name);
  /// Takes away what is there, but for a directory where one is to be.
  Result<> make_room(const std::string& path, fs::EntryType type);
  Attributes attributes(const fs::TarEntry& entry) const {
    return {.mode = entry.mode,
            .uid = m_owner ? m_owner->first : entry.uid,
            .gid = m_owner ? m_owner->second : entry.gid,
            .mtime = {.tv_sec = entry.mtime, .tv_nsec = 0},
            .xattrs = fs::in_scope(fs::XattrScope::layer, entry.xattrs)};
  }

  const Fd& m_root;
  UpperTree& m_tree;
  std::string m_destination;
  std::optional<std::pair<uid_t, gid_t>> m_owner;
  const CancelToken* m_cancel;
  const fs::ApplyLimits m_limits;
  std::uint64_t m_entries = 0;
  std::uint64_t m_bytes = 0;
  // The last parent, as the archive says it and as it is; until a symlink may have changed that.
  std::string m_logical;
  std::optional<std::string> m_real;
};

Result<std::string> Unpacker::place_of(const std::string& name) {
  const std::string parent = parent_path(name);
  if (!m_real || m_logical != parent) {
    const RootPath found = TRY(resolve_in_root(m_root, join_path(m_destination, parent)));
    m_logical = parent;
    m_real = found.path;
  }
  return join_path(*m_real, base_name(name));
}

Result<> Unpacker::make_room(const std::string& path, fs::EntryType type) {
  const auto there = TRY(lstat_real(m_root, path));
  if (!there || (S_ISDIR(there->st_mode) && type == fs::EntryType::directory)) return {};
  if (!S_ISDIR(there->st_mode) && !S_ISLNK(there->st_mode) && type != fs::EntryType::directory) return {};
  m_real.reset();
  return m_tree.remove(path);
}

Result<> Unpacker::count(std::size_t bytes) {
  if (m_cancel) TRY(m_cancel->check());
  m_bytes += bytes;
  if (m_bytes <= m_limits.bytes) return {};
  return fail(ErrorKind::limit, "the archive has more than {} bytes of file data", m_limits.bytes);
}

Result<> Unpacker::add_file(fs::TarReader& reader, const fs::TarEntry& entry, const std::string& path) {
  Fd file = TRY(m_tree.put_file(path));
  TRY(reader.write_content(file, [this](std::size_t size) { return count(size); }));
  TRY(file.close());
  return m_tree.seal(path, attributes(entry), S_IFREG);
}

Result<> Unpacker::add(fs::TarReader& reader, const fs::TarEntry& entry) {
  const auto place = [](std::string_view text) -> Result<std::string> {
    const std::size_t start = std::min(text.find_first_not_of('/'), text.size());
    const std::string name = clean_path(text.substr(start));
    if (name == ".." || name.starts_with("../"))
      return fail(ErrorKind::invalid, "'{}' leads out of the archive", printable(text));
    return name == "." ? std::string() : name;
  };
  const std::string name = TRY(place(entry.path));
  if (base_name(name).starts_with(".wh.")) {
    return fail(ErrorKind::invalid, "'{}' cannot be in an image: its name marks removed files in layers",
                printable(entry.path));
  }
  if (name.empty()) {
    if (entry.path.empty() || entry.type != fs::EntryType::directory) {
      log::debug("an entry without a name is left out");  // as docker does
      return {};
    }
    return m_tree.put_directory(m_destination, attributes(entry));
  }
  if (entry.type == fs::EntryType::character_device || entry.type == fs::EntryType::block_device) {
    log::debug("the device node '{}' is left out", printable(entry.path));
    return {};
  }
  const std::string path = TRY(place_of(name));
  TRY(make_room(path, entry.type));
  switch (entry.type) {
    case fs::EntryType::directory:
      return m_tree.put_directory(path, attributes(entry));
    case fs::EntryType::symlink:
      m_real.reset();
      return m_tree.put_symlink(path, entry.link_target, attributes(entry));
    case fs::EntryType::hardlink: {
      const std::string target = TRY(place(entry.link_target));
      const std::string existing = TRY(place_of(target));
      const auto status = TRY(lstat_real(m_root, existing));
      if (target.empty() || !status || S_ISDIR(status->st_mode)) {
        return fail(ErrorKind::invalid, "hard link to '{}' which is not there", printable(entry.link_target));
      }
      return existing == path ? Result<>{} : m_tree.put_hardlink(path, existing);
    }
    case fs::EntryType::fifo:
      return m_tree.put_special(path, S_IFIFO, 0, attributes(entry));
    default:
      return add_file(reader, entry, path);
  }
}

Result<> Unpacker::run(fs::TarReader& reader) {
  while (const auto entry = TRY(reader.next())) {
    if (m_cancel) TRY(m_cancel->check());
    if (++m_entries > m_limits.entries) {
      return fail(ErrorKind::limit, "the archive has more than {} entries", m_limits.entries);
    }
    TRY_WHILE(add(reader, *entry), "unpacking '{}'", printable(entry->path));
  }
  return {};
}

}  // namespace

Result<> unpack_archive(std::unique_ptr<Source> tar, const Fd& root, UpperTree& tree,
                        const std::string& destination, std::optional<std::pair<uid_t, gid_t>> owner,
                        const CancelToken* cancel) {
  const auto reader = TRY(fs::TarReader::open(std::move(tar)));
  return Unpacker(root, tree, destination, owner, cancel).run(*reader);
}

}  // namespace ecrin::build

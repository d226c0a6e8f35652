// write_layer and write_tree: a directory as the bytes of a tar.
#include <sys/sysmacros.h>

#include <algorithm>
#include <map>

#include "base/log.hpp"
#include "fs/changeset.hpp"
#include "fs/file_io.hpp"
#include "fs/metadata.hpp"
#include "fs/tar.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

enum class Form { layer, plain };

class Writer : public Visitor {
public:
  Writer(TarWriter& tar, Form form) : m_tar(tar), m_form(form), m_buffer(1024 * 1024) {}

  Result<> add_root(const RootMetadata& metadata) {
    return m_tar.add({.path = "./",
                      .type = EntryType::directory,
                      .mode = metadata.mode,
                      .uid = metadata.uid,
                      .gid = metadata.gid,
                      .xattrs = metadata.xattrs});
  }

  Result<> add_marker(std::string path) { return m_tar.add({.path = std::move(path), .mode = 0644}); }

  Result<Descend> visit(const Place& place) {
    if (is_whiteout(place.status)) {
      if (m_form == Form::layer) TRY(add_marker(place.prefix + std::string(k_whiteout_prefix) + place.name));
      return Descend::no;
    }
    if (S_ISSOCK(place.status.st_mode)) {
      log::debug("'{}' is a socket, which no tar can hold", printable(place.path()));
      return Descend::no;
    }
    if (!S_ISDIR(place.status.st_mode)) {
      TRY(add(place));
      return Descend::no;
    }
    TRY(m_tar.add(TRY(describe(place, EntryType::directory))));
    if (m_form == Form::layer && TRY(is_opaque(place.directory, place.name))) {
      TRY(add_marker(place.path() + "/" + std::string(k_opaque_whiteout)));
    }
    return Descend::yes;
  }

private:
  static Result<TarEntry> describe(const Place& place, EntryType type) {
    auto xattrs = TRY(layer_xattrs_at(place.directory, place.name, place.status));
    return TarEntry{.path = place.path(),
                    .type = type,
                    .mode = place.status.st_mode & 07777,
                    .uid = place.status.st_uid,
                    .gid = place.status.st_gid,
                    .mtime = place.status.st_mtim.tv_sec,
                    .xattrs = std::move(xattrs)};
  }

  Result<> add(const Place& place) {
    const struct stat& status = place.status;
    if (status.st_nlink > 1) {
      const auto [first, is_new] = m_links.try_emplace(inode_of(status), place.path());
      if (!is_new) {
        TarEntry link = TRY(describe(place, EntryType::hardlink));
        link.xattrs.clear();  // the first name has said them
        link.link_target = first->second;
        return m_tar.add(link);
      }
    }
    if (S_ISREG(status.st_mode)) return add_file(place);
    if (S_ISLNK(status.st_mode)) {
      TarEntry link = TRY(describe(place, EntryType::symlink));
      link.mode = 0777;
      link.link_target = TRY(posix::readlink_at(place.directory, place.name));
      return m_tar.add(link);
    }
    TarEntry special = TRY(describe(place, EntryType::fifo));
    if (!S_ISFIFO(status.st_mode)) {
      special.type = S_ISCHR(status.st_mode) ? EntryType::character_device : EntryType::block_device;
      special.device_major = major(status.st_rdev);
      special.device_minor = minor(status.st_rdev);
    }
    return m_tar.add(special);
  }

  Result<> add_file(const Place& place) {
    TarEntry entry = TRY(describe(place, EntryType::file));
    entry.size = static_cast<std::uint64_t>(place.status.st_size);
    TRY(m_tar.add(entry));
    if (entry.size == 0) return {};
    const Fd file = TRY(posix::open_at(place.directory, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    const bool is_sparse = static_cast<std::uint64_t>(place.status.st_blocks) * 512 < entry.size;
    if (!is_sparse) return write_range(file, entry.size);
    std::uint64_t done = 0;
    while (done < entry.size) {
      const auto extent = TRY(next_data(file, done, entry.size));
      if (!extent) return m_tar.write_zeros(entry.size - done);
      if (extent->begin > done) TRY(m_tar.write_zeros(extent->begin - done));
      TRY(write_range(file, extent->end - extent->begin));
      done = extent->end;
    }
    return {};
  }

  Result<> write_range(const Fd& file, std::uint64_t size) {
    while (size > 0) {
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, m_buffer.size()));
      const std::size_t count = TRY(posix::read_some(file, std::span(m_buffer).first(wanted)));
      if (count == 0) return fail(ErrorKind::conflict, "the file became shorter while it was read");
      TRY(m_tar.write_data(std::span(m_buffer).first(count)));
      size -= count;
    }
    return {};
  }

  TarWriter& m_tar;
  Form m_form;
  std::vector<std::byte> m_buffer;
  std::map<Inode, std::string> m_links;  // path of the first name
};

Result<> write(const Fd& root, Sink& sink, Form form, const CancelToken* cancel, EntryListener listener) {
  TarWriter tar(sink, std::move(listener));
  Writer writer(tar, form);
  const RootMetadata metadata = TRY(root_metadata(root));
  const bool has_root = form == Form::layer ? TRY(has_root_mark(root)) : metadata != RootMetadata{};
  if (has_root) TRY(writer.add_root(metadata));
  if (form == Form::layer && TRY(is_opaque(root, ".")))
    TRY(writer.add_marker(std::string(k_opaque_whiteout)));
  TRY(walk(root, writer, cancel));
  return tar.finish();
}

}  // namespace

Result<> write_layer(const Fd& changeset, Sink& sink, const CancelToken* cancel, EntryListener listener) {
  return write(changeset, sink, Form::layer, cancel, std::move(listener));
}

Result<> write_tree(const Fd& tree, Sink& sink, const CancelToken* cancel) {
  return write(tree, sink, Form::plain, cancel, {});
}

}  // namespace ecrin::fs

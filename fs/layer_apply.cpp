#include "fs/layer_apply.hpp"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <optional>

#include "base/log.hpp"
#include "base/text.hpp"
#include "fs/apply_place.hpp"
#include "fs/file_io.hpp"
#include "fs/metadata.hpp"
#include "fs/tar.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

mode_t type_bits(EntryType type) {
  switch (type) {
    case EntryType::character_device:
      return S_IFCHR;
    case EntryType::block_device:
      return S_IFBLK;
    case EntryType::fifo:
      return S_IFIFO;
    default:
      return S_IFREG;
  }
}

class Applier {
public:
  Applier(const Fd& root, ApplyForm form, const ApplyLimits& limits, TarReader& reader,
          const CancelToken* cancel)
      : m_places(root, form), m_form(form), m_limits(limits), m_reader(reader), m_cancel(cancel) {}

  Result<std::uint64_t> run() {
    std::uint64_t entries = 0;
    while (const auto entry = TRY(m_reader.next())) {
      if (m_cancel) TRY(m_cancel->check());
      if (++entries > m_limits.entries) {
        return fail(ErrorKind::limit, "the layer has more than {} entries", m_limits.entries);
      }
      auto applied = apply(*entry);
      if (!applied) {
        return std::unexpected(
            std::move(applied).error().context(fmt::format("unpacking '{}'", printable(entry->path))));
      }
    }
    TRY(m_places.finish_directories());
    return entries;
  }

private:
  Result<> apply(const TarEntry& entry) {
    const LayerPath path = TRY(parse_layer_path(entry.path));
    if (path.depth > m_limits.depth) {
      return fail(ErrorKind::limit, "the path has {} components, more than {}", path.depth, m_limits.depth);
    }
    if (path.depth == 0) return apply_root(entry);
    if (path.name().starts_with(k_whiteout_prefix)) return apply_whiteout(path, entry);
    if (entry.type == EntryType::directory) return apply_directory(path, entry);
    if (entry.type == EntryType::hardlink) return apply_hardlink(path, entry);
    if (entry.type == EntryType::character_device || entry.type == EntryType::block_device) {
      if (entry.type == EntryType::character_device && entry.device_major == 0 && entry.device_minor == 0) {
        return fail(ErrorKind::invalid, "a character device 0/0 would act as a whiteout");
      }
      // Containers get a /dev of their own, so what an image has there is of no use; old base images bring
      // some.
      if (path.text.starts_with("dev/")) {
        log::debug("the device node '{}' is left out", printable(path.text));
        return {};
      }
    }
    const ParentPointer parent = TRY(m_places.parent_of(path));
    if (entry.type == EntryType::file) return apply_file(*parent, path, entry);
    return apply_special(*parent, path, entry);
  }

  Result<> apply_root(const TarEntry& entry) {
    if (entry.path.empty()) return fail(ErrorKind::invalid, "a tar entry has no name");
    if (entry.type != EntryType::directory) return fail(ErrorKind::invalid, "the root must be a directory");
    TRY(set_root_metadata(m_places.root(), {.mode = entry.mode,
                                            .uid = entry.uid,
                                            .gid = entry.gid,
                                            .xattrs = in_scope(XattrScope::layer, entry.xattrs)}));
    if (m_form == ApplyForm::plain_tree) return {};
    return put_root_mark(m_places.root(), RootMark::present);
  }

  Result<> apply_whiteout(const LayerPath& path, const TarEntry& entry) {
    if (entry.type == EntryType::directory) {
      return fail(ErrorKind::invalid, "a whiteout cannot be a directory");
    }
    if (path.name() == k_opaque_whiteout) return m_places.hide_all_beside(path);
    const LayerPath target = TRY(path.with_name(path.name().substr(k_whiteout_prefix.size())));
    if (target.name().starts_with(k_whiteout_prefix)) {
      log::debug("'{}' means nothing in a layer", printable(path.text));  // aufs wrote such names
      return {};
    }
    return m_places.hide(target);
  }

  Result<> apply_directory(const LayerPath& path, const TarEntry& entry) {
    const ParentPointer parent = TRY(m_places.parent_of(path));
    const std::string name(path.name());
    if (TRY(m_places.make_directory(*parent, path)) == ApplyPlaces::Made::now) {
      TRY(set_owner(*parent, name, entry));
    } else {
      TRY(set_owner_at(parent->directory, name, entry.uid, entry.gid));
    }
    // A directory without these bits would keep an ordinary user from filling it; the right ones come at the
    // end.
    TRY(posix::chmod_at(parent->directory, name, entry.mode | 0700));
    if (!entry.xattrs.empty()) {
      TRY(set_xattrs_at(parent->directory, name, in_scope(XattrScope::layer, entry.xattrs)));
    }
    m_places.finish_later(path, entry.mode, entry.mtime);
    return {};
  }

  Result<> apply_hardlink(const LayerPath& path, const TarEntry& entry) {
    std::string_view text = entry.link_target;
    while (text.starts_with('/')) text.remove_prefix(1);  // some writers give the path in the container
    const LayerPath target = TRY(parse_layer_path(text));
    const auto missing = [&] {
      return fail(ErrorKind::invalid, "hard link to '{}' which is not in the layer", printable(text));
    };
    if (target.depth == 0 || target.depth > m_limits.depth) return missing();
    const auto from = m_places.existing_parent_of(target);
    if (!from) return missing();
    const Fd& from_directory = (*from)->directory;
    const std::string from_name(target.name());
    const auto status = status_at(from_directory, from_name);
    if (!status || is_whiteout(*status)) return missing();
    if (S_ISDIR(status->st_mode)) {
      return fail(ErrorKind::invalid, "hard link to '{}' which is a directory", printable(text));
    }
    const ParentPointer parent = TRY(m_places.parent_of(path));
    const std::string name(path.name());
    const auto existing = posix::lstat_at(parent->directory, name);
    if (existing && inode_of(*existing) == inode_of(*status)) return {};
    auto linked = m_places.create(
        *parent, path, [&] { return posix::link_at(from_directory, from_name, parent->directory, name); });
    if (!linked && linked.error().code() == ENOENT) return missing();
    return linked;
  }

  Result<> apply_file(const ParentPlace& parent, const LayerPath& path, const TarEntry& entry) {
    if (entry.size > m_limits.bytes) {
      return fail(ErrorKind::limit, "the file has {} bytes, more than {}", entry.size, m_limits.bytes);
    }
    const std::string name(path.name());
    Fd file = TRY(m_places.create(parent, path, [&] {
      return posix::open_at(parent.directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    }));
    TRY(m_reader.write_content(file, [this](std::size_t size) { return count(size); }));
    TRY(set_owner(parent, name, entry));
    TRY(posix::fchmod(file, entry.mode));
    if (!entry.xattrs.empty()) {
      TRY(set_xattrs_at(parent.directory, name, in_scope(XattrScope::layer, entry.xattrs)));
    }
    TRY(set_mtime(file, {.tv_sec = entry.mtime, .tv_nsec = 0}));
    return file.close();
  }

  Result<> count(std::size_t bytes) {
    if (m_cancel) TRY(m_cancel->check());
    m_written += bytes;
    if (m_written <= m_limits.bytes) return {};
    return fail(ErrorKind::limit, "the layer has more than {} bytes of file data", m_limits.bytes);
  }

  Result<> apply_special(const ParentPlace& parent, const LayerPath& path, const TarEntry& entry) {
    const std::string name(path.name());
    const bool is_symlink = entry.type == EntryType::symlink;
    auto made = m_places.create(parent, path, [&] {
      return is_symlink ? posix::symlink_at(entry.link_target, parent.directory, name)
                        : make_node_at(parent.directory, name, type_bits(entry.type) | 0600,
                                       makedev(entry.device_major, entry.device_minor));
    });
    if (!made && made.error().code() == EPERM && !is_symlink && entry.type != EntryType::fifo) {
      return std::unexpected(
          Error(ErrorKind::unsupported,
                fmt::format("device nodes need real root; this image's layer has '{}'", printable(path.text)))
              .hint("unpack this image as root, or build it without device nodes outside of /dev"));
    }
    if (!made) return made;
    TRY(set_owner(parent, name, entry));
    if (!is_symlink) TRY(posix::chmod_at(parent.directory, name, entry.mode));
    return posix::set_times_at(parent.directory, name, {.tv_sec = entry.mtime, .tv_nsec = 0});
  }

  Result<> set_owner(const ParentPlace& parent, const std::string& name, const TarEntry& entry) {
    // What was just made belongs to this process, unless the parent hands down its group.
    if (entry.uid == m_uid && entry.gid == m_gid && !parent.hands_down_group) return {};
    return set_owner_at(parent.directory, name, entry.uid, entry.gid);
  }

  ApplyPlaces m_places;
  ApplyForm m_form;
  const ApplyLimits& m_limits;
  TarReader& m_reader;
  const CancelToken* m_cancel;
  uid_t m_uid = ::geteuid();
  gid_t m_gid = ::getegid();
  std::uint64_t m_written = 0;
};

}  // namespace

Result<ApplyResult> apply_layer(std::unique_ptr<Source> source, const Fd& directory, ApplyForm form,
                                const ApplyLimits& limits, const CancelToken* cancel) {
  CountingSource counted(std::move(source));
  const auto reader = TRY(TarReader::open(std::make_unique<BorrowedSource>(counted)));
  const std::uint64_t entries = TRY(Applier(directory, form, limits, *reader, cancel).run());
  return ApplyResult{.bytes = counted.count(), .entries = entries};
}

}  // namespace ecrin::fs

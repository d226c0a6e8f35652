#include "oci/directory_writer.hpp"

#include "base/atomic_file.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/blob_store.hpp"

namespace ecrin::oci {

namespace {

bool is_existing(const Error& error) {
  return error.code() == EEXIST;
}

struct Place {
  Fd directory;
  std::string name;
};

// "blobs/sha256/x" below `root`. Symbolic links that somebody put there lead nowhere.
Result<Place> open_place(const Fd& root, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return Place{TRY(root.duplicate()), path};
  return Place{TRY(posix::open_beneath_no_symlinks(root, path.substr(0, slash), O_RDONLY | O_DIRECTORY)),
               path.substr(slash + 1)};
}

}  // namespace

Result<std::unique_ptr<DirectoryWriter>> DirectoryWriter::open(const std::string& path) {
  std::unique_ptr<DirectoryWriter> writer(new DirectoryWriter);
  writer->m_path = path;
  std::string parent = path.starts_with('/') ? "/" : ".";
  for (const std::string& name : split(path, '/')) {
    if (name.empty() || name == ".") continue;
    const Fd directory = TRY(posix::open(parent, O_PATH | O_DIRECTORY));
    Result<> made = posix::mkdir_at(directory, name, 0755);
    if (made)
      writer->m_parents.push_back({parent, name});
    else if (!is_existing(made.error()))
      return std::unexpected(std::move(made).error());
    parent += (parent.ends_with('/') ? "" : "/") + name;
  }
  writer->m_lock =
      TRY(FileLock::acquire(TRY(posix::open(path, O_RDONLY | O_DIRECTORY)), FileLock::Mode::exclusive));
  return writer;
}

// Errors here have no reader: what cannot be removed stays, and nothing refers to it.
DirectoryWriter::~DirectoryWriter() {
  if (m_committed) return;
  const auto remove = [](const Fd& root, const std::string& path, int flags) {
    if (const auto place = open_place(root, path))
      (void)posix::unlink_at(place->directory, place->name, flags);
  };
  for (const std::string& file : m_files) remove(directory(), file, 0);
  for (auto it = m_directories.rbegin(); it != m_directories.rend(); ++it)
    remove(directory(), *it, AT_REMOVEDIR);
  for (auto it = m_parents.rbegin(); it != m_parents.rend(); ++it)
    if (const auto parent = posix::open(it->parent, O_PATH | O_DIRECTORY))
      (void)posix::unlink_at(*parent, it->name, AT_REMOVEDIR);
}

Result<bool> DirectoryWriter::has(const std::string& name, std::uint64_t size) {
  const auto place = open_place(directory(), name);
  if (!place) {
    if (place.error().kind() == ErrorKind::not_found) return false;
    return std::unexpected(place.error());
  }
  const Result<struct stat> status = posix::lstat_at(place->directory, place->name);
  return status && S_ISREG(status->st_mode) && static_cast<std::uint64_t>(status->st_size) == size;
}

Result<> DirectoryWriter::make_directory(const std::string& name) {
  const Place place = TRY(open_place(directory(), name));
  Result<> made = posix::mkdir_at(place.directory, place.name, 0755);
  if (!made && is_existing(made.error())) return {};
  if (!made) return made;
  const std::lock_guard lock(m_mutex);
  m_directories.push_back(name);
  return {};
}

Result<> DirectoryWriter::put(const std::string& name, const Descriptor& descriptor,
                              std::unique_ptr<Source> source) {
  const Place place = TRY(open_place(directory(), name));
  const auto verified = verified_source(std::move(source), descriptor.digest, descriptor.size);
  AtomicFile file = TRY(AtomicFile::create(place.directory, place.name, 0644));
  FdSink sink(file.file());
  TRY(copy_stream(*verified, sink));
  const bool is_new = TRY(posix::exists_at(place.directory, place.name)) == posix::Exists::no;
  TRY(file.commit(AtomicFile::Sync::no));
  const std::lock_guard lock(m_mutex);
  if (is_new) m_files.push_back(name);
  return {};
}

Result<> DirectoryWriter::replace(const std::string& name, std::string_view bytes) {
  const Place place = TRY(open_place(directory(), name));
  AtomicFile file = TRY(AtomicFile::create(place.directory, place.name, 0644));
  TRY(posix::write_full(file.file(), bytes));
  const bool is_new = TRY(posix::exists_at(place.directory, place.name)) == posix::Exists::no;
  TRY(file.commit(AtomicFile::Sync::no));
  const std::lock_guard lock(m_mutex);
  if (is_new) m_files.push_back(name);
  return {};
}

}  // namespace ecrin::oci

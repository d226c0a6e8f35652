#include "oci/archive_output.hpp"

#include <unistd.h>

#include "base/posix.hpp"
#include "base/sparse_file.hpp"

namespace ecrin::oci {

namespace {

Result<Fd> standard_output() {
  Fd output(STDOUT_FILENO);
  Result<Fd> copy = output.duplicate();
  (void)output.release();  // it is not ours to close
  return copy;
}

}  // namespace

Result<ArchiveOutput> ArchiveOutput::open(const std::string& path) {
  ArchiveOutput output;
  if (path == "-") {
    output.m_stream = TRY(standard_output());
    return output;
  }
  if (const Result<Fd> existing = posix::open(path, O_PATH)) {
    const struct stat status = TRY(posix::stat_fd(*existing));
    if (S_ISDIR(status.st_mode))
      return fail(ErrorKind::conflict, "cannot write an archive to '{}': it is a directory", path);
    // A device or a pipe is written to, not replaced.
    if (!S_ISREG(status.st_mode)) {
      output.m_stream = TRY(posix::open(path, O_WRONLY));
      return output;
    }
  }
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const Fd directory = TRY(posix::open(parent, O_RDONLY | O_DIRECTORY));
  output.m_whole.emplace(TRY(AtomicFile::create(directory, name, 0644)));
  return output;
}

Result<> ArchiveOutput::write(std::span<const std::byte> bytes) {
  if (!m_whole) return posix::write_full(m_stream, bytes);
  m_ends_in_hole = TRY(write_leaving_holes(m_whole->file(), m_size, bytes));
  m_size += bytes.size();
  return {};
}

Result<> ArchiveOutput::finish() {
  return m_ends_in_hole ? set_size(m_whole->file(), m_size) : Result<>{};
}

Result<> ArchiveOutput::commit() {
  return m_whole ? m_whole->commit(AtomicFile::Sync::no) : m_stream.close();
}

}  // namespace ecrin::oci

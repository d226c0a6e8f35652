#include "base/atomic_file.hpp"

#include <unistd.h>

#include "base/posix.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace ecrin {

AtomicFile::AtomicFile(Fd directory, Fd file, std::string name, std::string temporary)
    : m_directory(std::move(directory)),
      m_file(std::move(file)),
      m_name(std::move(name)),
      m_temporary(std::move(temporary)) {}

AtomicFile::~AtomicFile() {
  // A name that is left behind is only debris: nothing to report here.
  if (m_directory && !m_temporary.empty()) (void)posix::unlink_at(m_directory, m_temporary);
}

Result<AtomicFile> AtomicFile::create(const Fd& directory, std::string name, mode_t mode) {
  if (name.empty() || name == "." || name == ".." || name.contains('/')) {
    return fail(ErrorKind::invalid, "'{}' is not the name of a file", printable(name));
  }
  // Reopened, because a descriptor of a directory given as O_PATH cannot be synced.
  Fd own = TRY(posix::open_at(directory, ".", O_RDONLY | O_DIRECTORY));
  // The name may be as long as a name can be: the temporary one takes only its beginning.
  std::string temporary = fmt::format(".{}.{}", std::string_view(name).substr(0, 200), random_name(13));
  Fd file = TRY(posix::open_at(own, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  return AtomicFile(std::move(own), std::move(file), std::move(name), std::move(temporary));
}

Result<> AtomicFile::commit(Sync sync) {
  if (sync == Sync::yes) TRY_WHILE(posix::fsync(m_file), "writing '{}'", printable(m_name));
  TRY_WHILE(m_file.close(), "writing '{}'", printable(m_name));
  TRY(posix::rename_at(m_directory, m_temporary, m_directory, m_name));
  m_temporary.clear();
  // Without this a power cut may take the new name back.
  if (sync == Sync::yes) TRY(posix::fsync(m_directory));
  return {};
}

Result<> write_file_atomically(const std::string& path, std::string_view bytes, mode_t mode,
                               AtomicFile::Sync sync) {
  const std::size_t slash = path.rfind('/');
  std::string parent = ".";
  if (slash != std::string::npos) parent = slash == 0 ? "/" : path.substr(0, slash);
  Fd directory = TRY(posix::open(parent, O_PATH | O_DIRECTORY));
  AtomicFile file =
      TRY(AtomicFile::create(directory, slash == std::string::npos ? path : path.substr(slash + 1), mode));
  TRY_WHILE(posix::write_full(file.file(), bytes), "writing '{}'", printable(path));
  return file.commit(sync);
}

}  // namespace ecrin

#include "base/nameless_file.hpp"

#include <unistd.h>

#include "base/posix.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace ecrin {

Result<Fd> nameless_file(const Fd& directory) {
  if (auto file = posix::open_at(directory, ".", O_RDWR | O_TMPFILE, 0600)) return file;
  // A file system without such files, or no room: making one in the old way tells.
  const std::string name = fmt::format(".nameless-{}", random_name(26));
  Fd file = TRY(posix::open_at(directory, name, O_RDWR | O_CREAT | O_EXCL, 0600));
  TRY(posix::unlink_at(directory, name));
  return file;
}

Result<> give_name(const Fd& file, const Fd& directory, const std::string& name) {
  if (::linkat(AT_FDCWD, posix::fd_path(file).c_str(), directory.get(), name.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return fail_errno("cannot name a file '{}'", printable(name));
  return {};
}

}  // namespace ecrin

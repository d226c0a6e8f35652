#include "run/shared_mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/plan/setup_op.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_mounts_limit = 64u << 20;

}  // namespace

std::size_t count_container_mounts(std::string_view mountinfo, std::string_view place) {
  const std::string source = fmt::format(" - tmpfs {} ", k_scratch_source);
  std::size_t count = 0;
  for (const std::string& line : split(mountinfo, '\n')) {
    const std::vector<std::string> fields = split(line, ' ');
    if (fields.size() < 5 || unescape_mount_field(fields[4]) != place) continue;
    // The lowest one is the stage's, what comes later lies on it.
    if (line.find(source) != std::string::npos)
      count = 1;
    else if (count > 0)
      ++count;
  }
  return count;
}

Result<> take_off_mounts(const std::string& rootfs) {
  const Fd directory = TRY(posix::open(rootfs, O_PATH | O_DIRECTORY));
  const Fd own = TRY(posix::open("/proc/self/fd", O_PATH | O_DIRECTORY));
  const std::string place = TRY(posix::readlink_at(own, std::to_string(directory.get())));
  const std::string mounts = TRY(posix::read_file("/proc/self/mountinfo", k_mounts_limit));
  for (std::size_t left = count_container_mounts(mounts, place); left > 0; --left)
    if (::umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
      return fail_errno("cannot take the mounts of the container off '{}'", printable(place));
  return {};
}

}  // namespace ecrin::run

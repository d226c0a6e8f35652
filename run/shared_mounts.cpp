#include "run/shared_mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <vector>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/plan/setup_op.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_mounts_limit = 64u << 20;

}  // namespace

std::size_t count_container_mounts(std::string_view mountinfo, std::string_view place) {
  const std::string source = fmt::format(" - tmpfs {} ", k_scratch_source);
  struct Layer {
    std::string id, parent;
    bool is_scratch;
  };
  // They lie on each other, which their order in the text does not tell.
  std::vector<Layer> layers;
  for (const std::string& line : split(mountinfo, '\n')) {
    const std::vector<std::string> fields = split(line, ' ');
    if (fields.size() < 5 || unescape_mount_field(fields[4]) != place) continue;
    layers.push_back(
        {.id = fields[0], .parent = fields[1], .is_scratch = line.find(source) != std::string::npos});
  }
  auto layer = std::ranges::find_if(layers, [&layers](const Layer& one) {
    return std::ranges::find(layers, one.id, &Layer::parent) == layers.end();
  });
  for (std::size_t count = 1; layer != layers.end() && count <= layers.size(); ++count) {
    if (layer->is_scratch) return count;
    layer = std::ranges::find(layers, layer->parent, &Layer::id);
  }
  return 0;
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

// /etc/passwd and /etc/group of an image. The first line is who is looked for; the rest is both files.
#include <fcntl.h>
#include <stdlib.h>

#include <algorithm>

#include "run/user_lookup.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using namespace ecrin::run;
using ecrin::fuzz::require;

namespace {

// A root directory, empty but for /etc, which goes with the process's end when it is empty again.
struct Root {
  std::string path = "/dev/shm/ecrin-fuzz-XXXXXX";
  Fd root, etc;
  Root() {
    require(::mkdtemp(path.data()) != nullptr);
    root = posix::open(path, O_RDONLY | O_DIRECTORY).value();
    require(posix::mkdir_at(root, "etc", 0755).has_value());
    etc = posix::open_at(root, "etc", O_RDONLY | O_DIRECTORY).value();
  }
  Root(const Root&) = delete;
  ~Root() {
    for (const char* name : {"passwd", "group"}) (void)posix::unlink_at(etc, name);
    (void)posix::unlink_at(root, "etc", AT_REMOVEDIR);
    (void)posix::unlink_at(Fd(), path, AT_REMOVEDIR);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Root place;
  std::string_view text = fuzz::text_of(data, size);
  const std::string wanted(fuzz::take_line(text));
  for (const char* name : {"passwd", "group"}) {
    const Fd file = posix::open_at(place.etc, name, O_WRONLY | O_CREAT | O_TRUNC, 0644).value();
    require(posix::write_full(file, text).has_value());
  }
  if (const auto user = look_up_user(place.root, wanted)) {
    require(user->uid != UINT32_MAX && user->gid != UINT32_MAX && user->home.starts_with('/'));
    require(std::ranges::find(user->additional_gids, user->gid) != user->additional_gids.end());
    require(user->additional_gids.size() <= 65'537);
  }
  if (const auto owner = look_up_owner(place.root, wanted))
    require(owner->uid != UINT32_MAX && owner->gid != UINT32_MAX);
  return 0;
}

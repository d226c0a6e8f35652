// /etc/passwd and /etc/group of an image. The first line is who is looked for; the rest is both files.
#include <fcntl.h>

#include <algorithm>

#include "run/user_lookup.hpp"
#include "tests/fuzz/fuzzer.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::TempDirectory root;
  (void)posix::mkdir_at(root.fd(), "etc", 0755);  // each time but the first it is there
  const Fd etc = posix::open_at(root.fd(), "etc", O_RDONLY | O_DIRECTORY).value();
  std::string_view text = fuzz::text_of(data, size);
  const std::string wanted(fuzz::take_line(text));
  for (const char* name : {"passwd", "group"}) {
    const Fd file = posix::open_at(etc, name, O_WRONLY | O_CREAT | O_TRUNC, 0644).value();
    require(posix::write_full(file, text).has_value());
  }
  if (const auto user = look_up_user(root.fd(), wanted)) {
    require(user->uid != UINT32_MAX && user->gid != UINT32_MAX && user->home.starts_with('/'));
    require(std::ranges::find(user->additional_gids, user->gid) != user->additional_gids.end());
    require(user->additional_gids.size() <= 65'537);
  }
  if (const auto owner = look_up_owner(root.fd(), wanted))
    require(owner->uid != UINT32_MAX && owner->gid != UINT32_MAX);
  return 0;
}

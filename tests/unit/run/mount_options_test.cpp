#include "run/mount_options.hpp"

#include <sys/mount.h>

#include "tests/support/catch.hpp"

using namespace ecrin::run;

namespace {
MountOptions parse(std::vector<std::string> options) {
  return parse_mount_options(options);
}
}  // namespace

TEST_CASE("mount options are sorted by who understands them") {
  const MountOptions options = parse({"nosuid", "noexec", "nodev", "mode=1777", "size=64m", "rslave"});
  CHECK(options.attributes == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV));
  CHECK(options.propagation == MS_SLAVE);
  CHECK(options.file_system == std::vector<std::string>{"mode=1777", "size=64m"});
  CHECK_FALSE(options.bind);
  CHECK_FALSE(options.recursive);
}

TEST_CASE("the last of two contradicting options wins") {
  CHECK(parse({"ro", "rw"}).attributes == 0);
  CHECK(parse({"rw", "ro"}).attributes == MOUNT_ATTR_RDONLY);
  CHECK(parse({"nosuid", "noexec", "exec"}).attributes == MOUNT_ATTR_NOSUID);
}

TEST_CASE("bind options") {
  CHECK(parse({"bind"}).bind);
  CHECK_FALSE(parse({"bind"}).recursive);
  CHECK(parse({"rbind"}).recursive);
  CHECK(parse({"bind", "rro"}).recursive);
  CHECK(parse({"rbind", "rprivate"}).propagation == MS_PRIVATE);
  CHECK(parse({"bind", "Z", "defaults"}).file_system.empty());
}

TEST_CASE("an option is matched whole") {
  CHECK(parse({"row"}).file_system == std::vector<std::string>{"row"});
  CHECK(parse({"rnosuid"}).attributes == MOUNT_ATTR_NOSUID);
  CHECK(parse({"private2"}).propagation == 0);
}

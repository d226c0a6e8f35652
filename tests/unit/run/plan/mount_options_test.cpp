#include "run/plan/mount_options.hpp"

#include <sys/mount.h>

#include "tests/support/catch.hpp"

using namespace ecrin::run;

namespace {

MountOptions parse(std::vector<std::string> options) {
  return parse_mount_options(options);
}

std::vector<std::uint64_t> propagation(std::vector<std::string> options) {
  return parse(std::move(options)).propagation;
}

constexpr std::uint64_t k_times = MOUNT_ATTR__ATIME;

}  // namespace

TEST_CASE("mount options are sorted by who understands them") {
  const MountOptions options =
      parse({"nosuid", "noexec", "nodev", "mode=1777", "size=64m", "rslave", "sync", "lazytime"});
  CHECK(options.attributes.set == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV));
  CHECK(options.propagation == std::vector<std::uint64_t>{MS_SLAVE | MS_REC});
  CHECK(options.super_block == std::vector<std::string>{"sync", "lazytime"});
  CHECK(options.file_system == std::vector<std::string>{"mode=1777", "size=64m"});
  CHECK_FALSE(options.bind);
  CHECK_FALSE(options.recursive_bind);
}

TEST_CASE("the last of two contradicting options wins, and what is taken back is cleared") {
  CHECK(parse({"ro", "rw"}).attributes == AttributeChange{.set = 0, .clear = MOUNT_ATTR_RDONLY});
  CHECK(parse({"rw", "ro"}).attributes == AttributeChange{.set = MOUNT_ATTR_RDONLY, .clear = 0});
  CHECK(parse({"nosuid", "noexec", "exec"}).attributes ==
        AttributeChange{.set = MOUNT_ATTR_NOSUID, .clear = MOUNT_ATTR_NOEXEC});
  CHECK(parse({"suid", "dev", "exec", "symfollow", "diratime"}).attributes ==
        AttributeChange{.set = 0,
                        .clear = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                 MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_NODIRATIME});
}

TEST_CASE("of access times there is one kind") {
  CHECK(parse({"noatime"}).attributes == AttributeChange{.set = MOUNT_ATTR_NOATIME, .clear = k_times});
  CHECK(parse({"noatime", "strictatime"}).attributes ==
        AttributeChange{.set = MOUNT_ATTR_STRICTATIME, .clear = k_times});
  for (const char* option : {"relatime", "atime", "norelatime", "nostrictatime"}) {
    INFO(option);
    CHECK(parse({"noatime", option}).attributes == AttributeChange{.set = 0, .clear = k_times});
  }
  CHECK(parse({"relatime", "nodiratime"}).attributes ==
        AttributeChange{.set = MOUNT_ATTR_NODIRATIME, .clear = k_times});
}

TEST_CASE("each attribute has a recursive form of its own") {
  const MountOptions options = parse({"ro", "rnosuid", "rexec", "rstrictatime"});
  CHECK(options.attributes == AttributeChange{.set = MOUNT_ATTR_RDONLY, .clear = 0});
  CHECK(options.recursive_attributes == AttributeChange{.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
                                                        .clear = MOUNT_ATTR_NOEXEC | k_times});
  CHECK(options.file_system.empty());
  for (const char* option : {"rro", "rrw", "rsuid", "rnosuid", "rdev", "rnodev", "rexec", "rnoexec",
                             "rdiratime", "rnodiratime", "rrelatime", "rnorelatime", "ratime", "rnoatime",
                             "rstrictatime", "rnostrictatime", "rsymfollow", "rnosymfollow"}) {
    INFO(option);
    CHECK(parse({option}).file_system.empty());
    CHECK_FALSE(parse({option}).recursive_attributes.empty());
    CHECK(parse({option}).attributes.empty());
  }
}

TEST_CASE("bind options") {
  CHECK(parse({"bind"}).bind);
  CHECK_FALSE(parse({"bind"}).recursive_bind);
  CHECK(parse({"rbind"}).recursive_bind);
  CHECK_FALSE(parse({"bind", "rro"}).recursive_bind);
  CHECK(parse({"bind", "Z", "defaults", "silent", "iversion", ""}).file_system.empty());
}

TEST_CASE("kinds of propagation are kept in order") {
  CHECK(propagation({"rbind", "rprivate"}) == std::vector<std::uint64_t>{MS_PRIVATE | MS_REC});
  CHECK(propagation({"slave", "ro", "rshared"}) == std::vector<std::uint64_t>{MS_SLAVE, MS_SHARED | MS_REC});
  CHECK(propagation({"unbindable"}) == std::vector<std::uint64_t>{MS_UNBINDABLE});
  CHECK(parse_propagation("runbindable") == (MS_UNBINDABLE | MS_REC));
  CHECK_FALSE(parse_propagation("rrprivate"));
  CHECK_FALSE(parse_propagation(""));
}

TEST_CASE("what the runtime does itself") {
  CHECK(parse({"remount"}).remount);
  CHECK(parse({"tmpcopyup"}).copy_up);
  CHECK(parse({"idmap"}).id_mapped == IdMapped::one);
  CHECK(parse({"ridmap"}).id_mapped == IdMapped::recursive);
  CHECK(parse({}).id_mapped == IdMapped::no);
}

TEST_CASE("an option is matched whole") {
  CHECK(parse({"row"}).file_system == std::vector<std::string>{"row"});
  CHECK(parse({"rmode=1"}).file_system == std::vector<std::string>{"rmode=1"});
  CHECK(parse({"rsync"}).file_system == std::vector<std::string>{"rsync"});
  CHECK(propagation({"private2"}).empty());
}

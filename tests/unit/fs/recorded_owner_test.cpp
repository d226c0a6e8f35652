#include "fs/recorded_owner.hpp"

#include <sys/sysmacros.h>

#include "tests/support/catch.hpp"

using namespace ecrin;
using fs::RecordedOwner;

TEST_CASE("an owner is written as fuse-overlayfs writes it") {
  CHECK(fs::format_recorded_owner({.uid = 33, .gid = 4}, S_IFREG | 04755) == "33:4:4755");
  CHECK(fs::format_recorded_owner({.type = S_IFCHR, .device = makedev(1, 3)}, 0666) == "0:0:666:char-1-3");
  CHECK(fs::format_recorded_owner({.uid = 0, .gid = 6, .type = S_IFBLK, .device = makedev(259, 70000)},
                                  0660) == "0:6:660:block-259-70000");
}

TEST_CASE("what was written of an owner is read again") {
  for (const RecordedOwner& owner :
       {RecordedOwner{}, RecordedOwner{.uid = 4294967294, .gid = 1},
        RecordedOwner{.type = S_IFCHR, .device = makedev(5, 1)},
        RecordedOwner{.uid = 7, .gid = 8, .type = S_IFBLK, .device = makedev(259, 1 << 19)}})
    CHECK(fs::parse_recorded_owner(fs::format_recorded_owner(owner, 0644)) == owner);
}

TEST_CASE("types of other programs' records are those of the inode") {
  CHECK(fs::parse_recorded_owner("1:2:0755:dir") == RecordedOwner{.uid = 1, .gid = 2});
  CHECK(fs::parse_recorded_owner("1:2:0755") == RecordedOwner{.uid = 1, .gid = 2});
}

TEST_CASE("what is no record of an owner") {
  for (const char* text : {"", "1", "1:2", "1:2:", "x:2:644", "1:-2:644", "1:2:9", "4294967296:0:644",
                           "1:2:644:char", "1:2:644:char-1", "1:2:644:block-1-x", "1:2:644:file-1"})
    CHECK_FALSE(fs::parse_recorded_owner(text));
}

TEST_CASE("a file with a record looks like the device that it stands in for") {
  struct stat status {};
  status.st_mode = S_IFREG | 0640;
  fs::apply_recorded_owner(status, {.uid = 0, .gid = 5, .type = S_IFCHR, .device = makedev(4, 64)});
  CHECK(S_ISCHR(status.st_mode));
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(status.st_gid == 5);
  CHECK(status.st_rdev == makedev(4, 64));
}

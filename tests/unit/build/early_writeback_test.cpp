#include "build/early_writeback.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::build;

TEST_CASE("what the disk does not have yet is read from the kernel's words") {
  CHECK(dirty_bytes("MemTotal:  1 kB\nDirty:        2048 kB\nWriteback:  0 kB\n") == 2048u * 1024);
  CHECK(dirty_bytes("MemTotal:  1 kB\nDirty:") == 0);
  CHECK(dirty_bytes("Dirtying: 5 kB\n") == 0);
  CHECK(dirty_bytes("") == 0);
}

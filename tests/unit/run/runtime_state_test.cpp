#include "run/runtime_state.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "run/gate.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/run/some_record.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("directories of containers come and go") {
  const test::TempDirectory temporary;
  const std::string root = temporary.path() + "/a/b";
  CHECK(ContainerDirectory::list(root).value().empty());
  CHECK(ContainerDirectory::open(root, "c1").error().kind() == ErrorKind::not_found);
  auto made = ContainerDirectory::create(root, "c1").value();
  REQUIRE(made.write_config("{}"));
  REQUIRE(made.write(record_of("c1")));
  CHECK(made.read().value() == record_of("c1"));
  CHECK(posix::stat_fd(made.directory()).value().st_mode % 01000 == 0700);
  CHECK(ContainerDirectory::list(root).value() == std::vector<std::string>{"c1"});
  CHECK(ContainerDirectory::create(root, "c1").error().kind() == ErrorKind::conflict);
  made.unlock();
  CHECK(ContainerDirectory::create(root, "c1").error().kind() == ErrorKind::conflict);
  auto found = ContainerDirectory::open(root, "c1").value();
  CHECK(found.read_config().value() == "{}");
  CHECK(found.status(found.read().value()).value() == ContainerStatus::stopped);  // there is no such process
  REQUIRE(found.lock());
  REQUIRE(found.remove());
  CHECK(ContainerDirectory::list(root).value().empty());
  CHECK(made.lock().error().kind() == ErrorKind::not_found);
}

TEST_CASE("states are kept where nobody else can write only") {
  const test::TempDirectory temporary;
  const std::string open_to_all = temporary.path() + "/open";
  REQUIRE(::mkdir(open_to_all.c_str(), 0700) == 0);
  REQUIRE(::chmod(open_to_all.c_str(), 0733) == 0);
  CHECK(ContainerDirectory::create(open_to_all, "c1").error().kind() == ErrorKind::denied);
  CHECK(ContainerDirectory::open(open_to_all, "c1").error().kind() == ErrorKind::denied);
  CHECK(ContainerDirectory::list(open_to_all).error().kind() == ErrorKind::denied);
  if (::geteuid() != 0) return;
  const std::string of_another = temporary.path() + "/another";
  REQUIRE(::mkdir(of_another.c_str(), 0700) == 0);
  REQUIRE(::chown(of_another.c_str(), 1234, 1234) == 0);
  CHECK(ContainerDirectory::create(of_another, "c1").error().kind() == ErrorKind::denied);
}

TEST_CASE("what a killed create left is in nobody's way") {
  const test::TempDirectory temporary;
  {
    auto made = ContainerDirectory::create(temporary.path(), "c1").value();
    REQUIRE(made.write({.id = "c1"}));
    const auto other = ContainerDirectory::open(temporary.path(), "c1").value();
    CHECK(other.status(other.read().value()).value() == ContainerStatus::creating);
  }
  const auto left = ContainerDirectory::open(temporary.path(), "c1").value();
  CHECK(left.status(left.read().value()).value() == ContainerStatus::stopped);
  const auto made = ContainerDirectory::create(temporary.path(), "c1");
  REQUIRE(made);
  CHECK(posix::list_directory(made->directory()).value().empty());
}

TEST_CASE("a container with a gate is created, without one it runs") {
  const test::TempDirectory temporary;
  auto made = ContainerDirectory::create(temporary.path(), "c1").value();
  const ContainerRecord record{.id = "c1", .process = name_process(::getpid()).value()};
  CHECK(made.status(record).value() == ContainerStatus::running);
  REQUIRE(posix::open_at(made.directory(), k_gate_name, O_WRONLY | O_CREAT, 0600));
  CHECK(made.status(record).value() == ContainerStatus::created);
}

#include "build/context_source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "build/build.hpp"
#include "fs/tar.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using Kind = ContextSource::Kind;
using testing::read_file;
using testing::write_file;

namespace {

ContextSource named(const char* text) {
  const auto source = parse_named_context(text);
  INFO(text);
  REQUIRE(source);
  return *source;
}

}  // namespace

TEST_CASE("a named context is told by its form") {
  CHECK(named("docker-image://debian:12").kind == Kind::image);
  CHECK(named("docker-image://debian:12").location == "debian:12");
  CHECK(named("docker://debian").location == "debian");
  CHECK(named("oci-layout:///a/layout").location == "/a/layout");
  CHECK(named("oci-layout:///a/layout:tag").reference == "tag");
  CHECK(named("oci:layout@sha256:abc").reference == "sha256:abc");
  CHECK(named("oci:layout:tag@sha256:abc").location == "layout");
  CHECK(named("https://host/repo.git#main").kind == Kind::git);
  CHECK(named("git@host:repo").kind == Kind::git);
  CHECK(named("https://host/archive.tar.gz").kind == Kind::url);
  CHECK(named("../directory").kind == Kind::path);
  CHECK(named("/a:b").kind == Kind::path);
  CHECK_FALSE(parse_named_context("docker-image://"));
}

TEST_CASE("a context stands in for all ways to write a name") {
  const std::vector<NamedContext> contexts = {{"debian", {}}, {"localhost/tool:1", {}}};
  CHECK(find_named_context(contexts, "debian"));
  CHECK(find_named_context(contexts, "debian:latest"));
  CHECK(find_named_context(contexts, "docker.io/library/debian"));
  CHECK(find_named_context(contexts, "localhost/tool:1"));
  CHECK_FALSE(find_named_context(contexts, "debian:12"));
  CHECK_FALSE(find_named_context(contexts, "tool"));
}

TEST_CASE("archives and texts become contexts, and go with their last user") {
  testing::TemporaryDirectory scratch;
  const auto workshop = testing::open_workshop(scratch.path() + "/store");
  StringSink sink;
  fs::TarWriter writer(sink);
  REQUIRE(writer.add({.path = "dir/file", .mode = 0600, .uid = 12345, .gid = 12345, .size = 1}));
  REQUIRE(writer.write_data(as_bytes("x")));
  REQUIRE(writer.finish());
  write_file(scratch.path() + "/context.tar", sink.bytes());
  write_file(scratch.path() + "/recipe", "FROM scratch\n");

  const auto from_file = [&](const std::string& name, ContextUse use) {
    return open_context(*workshop, {Kind::path, scratch.path() + name, "", {}}, use, {}, nullptr);
  };
  const auto temporary = [&] {
    const auto names = posix::list_directory(testing::open_directory(workshop->store().temporary_path()));
    REQUIRE(names);
    return names->size();
  };
  const std::size_t before = temporary();
  {
    // Only root can give files to root: here others see that a failure leaves nothing.
    const auto files = from_file("/context.tar", ContextUse::main);
    CHECK(files.has_value() == (::getuid() == 0));
    if (files) {
      CHECK(files->is_temporary);
      CHECK(read_file(files->directory + "/dir/file") == "x");
      struct stat status;
      REQUIRE(::stat((files->directory + "/dir/file").c_str(), &status) == 0);
      CHECK(status.st_uid == 0);  // whoever's they are in the archive
      CHECK((status.st_mode & 07777) == 0600);
      CHECK(temporary() == before + 1);
    }
  }
  CHECK(temporary() == before);
  const auto text = from_file("/recipe", ContextUse::main);
  REQUIRE(text);
  CHECK(text->text == "FROM scratch\n");
  CHECK(text->directory.empty());
  CHECK_FALSE(from_file("/recipe", ContextUse::named));
  CHECK_FALSE(from_file("/nothing", ContextUse::named));
  const auto plain = from_file("", ContextUse::named);
  REQUIRE(plain);
  CHECK_FALSE(plain->is_temporary);
  auto input = posix::open(scratch.path() + "/recipe", O_RDONLY);
  REQUIRE(input);
  const auto read = read_context(*workshop, std::move(*input), nullptr);
  REQUIRE(read);
  CHECK(read->text == "FROM scratch\n");
  CHECK(temporary() == before);  // of a text nothing stays while it is used
}

#include "build/context.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/posix.hpp"
#include "build/build_cache.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using testing::write_file;

namespace {

struct Fixture {
  testing::TemporaryDirectory scratch;
  std::string files = scratch.path() + "/context";
  std::unique_ptr<Workshop> workshop = testing::open_workshop(scratch.path() + "/store");

  Fixture() { REQUIRE(posix::make_directories(files, 0755)); }
  std::unique_ptr<BuildContext> open() {
    auto context = BuildContext::open(files, workshop->store().database());
    REQUIRE(context);
    return std::move(*context);
  }
  Result<Selection> select(std::vector<std::string> sources, std::vector<std::string> exclude = {}) {
    const auto context = open();
    return select_sources(context->tree(), sources, *IgnoreRules::from_patterns(exclude));
  }
  KeyInputs inputs(std::vector<std::string> sources) {
    const auto context = open();
    auto selection = select_sources(context->tree(), sources, {});
    REQUIRE(selection);
    KeyInputs inputs;
    REQUIRE(context->add_inputs(selection->items, inputs, nullptr));
    return inputs;
  }
};

std::vector<std::string> paths(const Selection& selection) {
  std::vector<std::string> all;
  for (const SourceItem& item : selection.items) {
    for (const SourceEntry& entry : item.entries) all.push_back(entry.path.empty() ? "." : entry.path);
  }
  return all;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("sources are paths, directories and globs below the root") {
  Fixture fixture;
  for (const char* name : {"/a.c", "/b.c", "/sub/c.c", "/sub/deep/d.c", "/x.txt"})
    write_file(fixture.files + name, name);
  CHECK(paths(*fixture.select({"a.c"})) == Paths{"a.c"});
  CHECK(paths(*fixture.select({"/sub"})) == Paths{"sub", "sub/c.c", "sub/deep", "sub/deep/d.c"});
  CHECK(paths(*fixture.select({"*.c"})) == Paths{"a.c", "b.c"});
  CHECK(paths(*fixture.select({"**/*.c"})) == Paths{"sub/c.c"});
  CHECK(paths(*fixture.select({"sub/*.c", "x.txt"})) == Paths{"sub/c.c", "x.txt"});
  CHECK(paths(*fixture.select({"../../../a.c"})) == Paths{"a.c"});
  CHECK(paths(*fixture.select({"."}, {"sub", "*.txt"})) == Paths{".", "a.c", "b.c"});
  CHECK(paths(*fixture.select({"sub"}, {"**/*.c"})) == Paths{"sub", "sub/deep"});

  const auto missing = fixture.select({"nope"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  const auto unmatched = fixture.select({"*.none", "x.txt"});
  REQUIRE(unmatched);
  CHECK(paths(*unmatched) == Paths{"x.txt"});
  CHECK(unmatched->unmatched == Paths{"*.none"});
}

TEST_CASE("a context of many directories is selected in the order of its names") {
  Fixture fixture;
  Paths expected{"."};
  for (int number = 100; number < 140; ++number) {
    const std::string top = fmt::format("d{}", number);
    const bool is_excluded = number % 5 == 3;
    if (!is_excluded) expected.push_back(top);
    for (int deep = 10; deep < 30; ++deep) {
      const std::string below = fmt::format("{}/e{}", top, deep);
      write_file(fmt::format("{}/{}/file", fixture.files, below), "x");
      if (!is_excluded) expected.insert(expected.end(), {below, below + "/file"});
    }
  }
  CHECK(paths(*fixture.select({"."}, {"d??3", "d??8"})) == expected);
  CancelToken stop;
  stop.cancel();
  const auto context = fixture.open();
  const auto stopped = select_sources(context->tree(), {"."}, {}, &stop);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind() == ErrorKind::cancelled);
}

TEST_CASE("what an ignore file leaves out is not there, and the error says so") {
  Fixture fixture;
  write_file(fixture.files + "/keep/a", "");
  write_file(fixture.files + "/keep/b.log", "");
  write_file(fixture.files + "/out/deep/c", "");
  write_file(fixture.files + "/out/deep/back", "");
  write_file(fixture.files + "/.dockerignore", "out\n**/*.log\n!out/deep/back\n");
  CHECK(paths(*fixture.select({"."})) ==
        Paths{".", ".dockerignore", "keep", "keep/a", "out", "out/deep", "out/deep/back"});
  CHECK(paths(*fixture.select({"out"})) == Paths{"out", "out/deep", "out/deep/back"});
  const auto ignored = fixture.select({"keep/b.log"});
  REQUIRE_FALSE(ignored);
  CHECK(ignored.error().hint_text().find(".dockerignore") != std::string::npos);
}

TEST_CASE("symlinks that a source names are followed inside the context only") {
  Fixture fixture;
  write_file(fixture.scratch.path() + "/secret", "host");
  write_file(fixture.files + "/real/file", "x");
  const Fd root = testing::open_directory(fixture.files);
  REQUIRE(posix::symlink_at("real", root, "link"));
  REQUIRE(posix::symlink_at("../secret", root, "up"));
  REQUIRE(posix::symlink_at(fixture.scratch.path() + "/secret", root, "absolute"));
  REQUIRE(posix::symlink_at("loop", root, "loop"));
  CHECK(paths(*fixture.select({"link"})) == Paths{"real", "real/file"});
  CHECK(paths(*fixture.select({"link/file"})) == Paths{"real/file"});
  CHECK_FALSE(fixture.select({"up"}));
  CHECK_FALSE(fixture.select({"absolute"}));
  CHECK_FALSE(fixture.select({"loop"}));
  // Inside a copied directory they are copied as they are.
  CHECK(paths(*fixture.select({"."})) == Paths{".", "absolute", "link", "loop", "real", "real/file", "up"});
}

TEST_CASE("a FIFO of a context is copied as one, and never opened") {
  Fixture fixture;
  write_file(fixture.files + "/a", "");
  REQUIRE(::mkfifo((fixture.files + "/fifo").c_str(), 0644) == 0);
  const auto selection = fixture.select({"."});
  REQUIRE(selection);
  CHECK(selection->skipped.empty());
  CHECK(paths(*selection) == Paths{".", "a", "fifo"});
  CHECK(paths(*fixture.select({"fifo"})) == Paths{"fifo"});
  CHECK(fixture.inputs({"fifo"}) == KeyInputs{{"file fifo", "fifo 0644"}});
}

TEST_CASE("a key sees content and mode, neither time nor order") {
  Fixture fixture;
  write_file(fixture.files + "/d/a", "1");
  write_file(fixture.files + "/d/b", "2");
  const KeyInputs before = fixture.inputs({"d"});
  const Fd directory = testing::open_directory(fixture.files + "/d");
  REQUIRE(posix::set_times_at(directory, "a", {.tv_sec = 5, .tv_nsec = 0}));
  CHECK(fixture.inputs({"d"}) == before);
  write_file(fixture.files + "/d/a", "x");
  CHECK(fixture.inputs({"d"}) != before);
  write_file(fixture.files + "/d/a", "1");
  CHECK(fixture.inputs({"d"}) == before);
  write_file(fixture.files + "/d/a", "1", 0755);
  CHECK(fixture.inputs({"d"}) != before);
}

TEST_CASE("an unchanged context is known by its metadata") {
  Fixture fixture;
  write_file(fixture.files + "/a", "content");
  const auto digest = [&](std::int64_t now) {
    const auto context = fixture.open();
    auto found = context->file("a", nullptr);
    REQUIRE(found);
    REQUIRE(context->save(now));
    return found->digest;
  };
  const auto rows = [&] {
    auto count = fixture.workshop->store().database().prepare("SELECT count(*) FROM build_directories");
    REQUIRE(count);
    REQUIRE(count->step());
    return count->integer(0);
  };
  const std::string first = digest(0);  // too fresh to be trusted
  CHECK(rows() == 0);
  CHECK(digest(std::int64_t{1} << 40) == first);
  CHECK(rows() == 1);
  // The same metadata with another digest in the table: it is believed, so the file was not read.
  const std::string other(64, 'c');
  {
    const auto selection = fixture.select({"a"});
    REQUIRE(selection);
    KnownFiles known(fixture.workshop->store().database(), fixture.files, false);
    REQUIRE(known.add({{&selection->items.front().entries.front(), other}}));
    REQUIRE(known.save(std::int64_t{1} << 40));
  }
  CHECK(digest(0) == other);
  write_file(fixture.files + "/a", "changed");
  CHECK(digest(0) != other);
}

TEST_CASE("whether few or many files of a context changed, its inputs are those of one that nobody knows") {
  Fixture known;
  const auto name = [](int number) {
    return "/d" + std::to_string(number % 7) + "/f" + std::to_string(number);
  };
  for (int i = 0; i < 60; ++i) write_file(known.files + name(i), "1");
  for (const int changed : {0, 1, 16, 17, 60}) {
    INFO(changed);
    {
      const auto context = known.open();
      auto selection = select_sources(context->tree(), {"."}, {});
      REQUIRE(selection);
      KeyInputs inputs;
      REQUIRE(context->add_inputs(selection->items, inputs, nullptr));
      REQUIRE(context->save(std::time(nullptr) + 10));
    }
    Fixture fresh;
    for (int i = 0; i < 60; ++i) {
      const std::string content = i < changed ? std::to_string(changed) : "1";
      if (i < changed) write_file(known.files + name(i), content);
      write_file(fresh.files + name(i), content);
    }
    CHECK(known.inputs({"."}) == fresh.inputs({"."}));
    for (int i = 0; i < changed; ++i) write_file(known.files + name(i), "1");
  }
}

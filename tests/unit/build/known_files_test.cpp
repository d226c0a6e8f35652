#include "build/known_files.hpp"

#include <sys/stat.h>

#include "build/build_cache.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

constexpr std::int64_t k_late = 1'000'000;

SourceEntry file(const std::string& path, ino_t inode, time_t changed = 1) {
  struct stat status = {};
  status.st_mode = S_IFREG | 0644;
  status.st_ino = inode;
  status.st_ctim.tv_sec = changed;
  return {path, status};
}

std::string digest(char digit) {
  return std::string(64, digit);
}

struct Fixture {
  testing::TemporaryDirectory scratch;
  std::unique_ptr<Workshop> workshop = testing::open_workshop(scratch.path() + "/store");

  KnownFiles open(bool is_temporary = false) {
    Database& database = workshop->store().database();
    REQUIRE(migrate_build_tables(database));
    return {database, "/context", is_temporary};
  }
  std::int64_t rows() {
    auto count = workshop->store().database().prepare("SELECT count(*) FROM build_directories");
    REQUIRE(count);
    REQUIRE(count->step());
    return count->integer(0);
  }
};

std::string find(KnownFiles& known, const SourceEntry& entry) {
  std::string text;
  const auto found = known.append_digest(entry, text);
  REQUIRE(found);
  CHECK(*found == !text.empty());
  return text;
}

void add(KnownFiles& known, const std::vector<std::pair<SourceEntry, std::string>>& files) {
  std::vector<KnownFiles::Computed> computed;
  for (const auto& [entry, text] : files) computed.push_back({&entry, text});
  REQUIRE(known.add(computed));
}

}  // namespace

TEST_CASE("digests are known from build to build, in whatever order they are asked for") {
  Fixture fixture;
  const std::vector<std::pair<SourceEntry, std::string>> files = {
      {file("a", 1), digest('1')},         {file("d/x", 2), digest('2') + " xattrs more"},
      {file("d/e/y", 3), digest('a')},     {file("d/z", 4), digest('b')},
      {file("d-later/x", 5), digest('c')}, {file("z", 6), digest('f')}};
  {
    KnownFiles known = fixture.open();
    for (const auto& [entry, text] : files) CHECK(find(known, entry).empty());
    add(known, files);
    for (const auto& [entry, text] : files) CHECK(find(known, entry) == text);
    REQUIRE(known.save(k_late));
  }
  CHECK(fixture.rows() == 4);  // directories
  KnownFiles known = fixture.open();
  for (const auto& [entry, text] : files) CHECK(find(known, entry) == text);
  for (auto it = files.rbegin(); it != files.rend(); ++it) CHECK(find(known, it->first) == it->second);
  CHECK(find(known, file("d/y", 9)).empty());
  CHECK(find(known, file("d/z", 4)) == digest('b'));
  CHECK(find(known, file("d/z", 7)).empty());
  CHECK(find(known, file("e/z", 4)).empty());
}

TEST_CASE("what is new in a directory stands beside what was known, or in its place") {
  Fixture fixture;
  {
    KnownFiles known = fixture.open();
    add(known, {{file("d/b", 1), digest('1')}, {file("d/d", 2), digest('2')}});
    REQUIRE(known.save(k_late));
  }
  {
    KnownFiles known = fixture.open();
    add(known, {{file("d/e", 5), digest('5')}, {file("d/b", 6), digest('6')}, {file("d/a", 4), digest('4')}});
    REQUIRE(known.save(k_late));
  }
  KnownFiles known = fixture.open();
  CHECK(find(known, file("d/a", 4)) == digest('4'));
  CHECK(find(known, file("d/b", 6)) == digest('6'));
  CHECK(find(known, file("d/d", 2)) == digest('2'));
  CHECK(find(known, file("d/e", 5)) == digest('5'));
}

TEST_CASE("a file that has just changed is known within the build only") {
  Fixture fixture;
  {
    KnownFiles known = fixture.open();
    add(known, {{file("old", 1, 10), digest('1')}, {file("new", 2, 99), digest('2')}});
    known.add_answer("question", file("new", 2, 99).status, "answer");
    CHECK(known.answer("question", file("new", 2, 99).status).value() == "answer");
    CHECK_FALSE(known.answer("question", file("new", 3, 99).status).value());
    REQUIRE(known.save(100));
  }
  KnownFiles known = fixture.open();
  CHECK(find(known, file("old", 1, 10)) == digest('1'));
  CHECK(find(known, file("new", 2, 99)).empty());
  CHECK_FALSE(known.answer("question", file("new", 2, 99).status).value());
}

TEST_CASE("of a temporary context nothing is kept") {
  Fixture fixture;
  KnownFiles known = fixture.open(true);
  add(known, {{file("a", 1), digest('1')}});
  CHECK(find(known, file("a", 1)) == digest('1'));
  REQUIRE(known.save(k_late));
  CHECK(fixture.rows() == 0);
}

TEST_CASE("a damaged row knows nothing, and is replaced") {
  Fixture fixture;
  {
    KnownFiles known = fixture.open();
    add(known, {{file("a", 1), digest('1')}, {file("b", 2), digest('2')}});
    REQUIRE(known.save(k_late));
  }
  REQUIRE(fixture.workshop->store().database().execute(
      "UPDATE build_directories SET files = CAST(substr(CAST(files AS BLOB), 1, 150) AS TEXT)"));
  KnownFiles known = fixture.open();
  CHECK(find(known, file("b", 2)).empty());
  add(known, {{file("b", 2), digest('3')}});
  CHECK(find(known, file("b", 2)) == digest('3'));
}

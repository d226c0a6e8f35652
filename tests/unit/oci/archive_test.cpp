// The tar index that image archives are read through, and the writer of such archives.
#include "oci/archive_index.hpp"

#include <fcntl.h>

#include "base/posix.hpp"
#include "oci/archive_writer.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

Result<ArchiveIndex> index_of(const std::string& tar) {
  const TemporaryDirectory directory;
  write_file(directory / "a.tar", tar);
  auto file = std::make_shared<const Fd>(must(posix::open(directory / "a.tar", O_RDONLY)));
  return ArchiveIndex::read(std::move(file), tar.size(), "a.tar");
}

std::string content(const ArchiveIndex& index, std::string_view name) {
  const auto member = index.find(name);
  if (!member) return "(none)";
  const auto source = index.open(*member);
  return must(read_all(*source, 1u << 20));
}

std::string pax(const std::string& key, const std::string& value) {
  std::string record;
  std::size_t length = key.size() + value.size() + 4;
  while ((record = std::to_string(length) + " " + key + "=" + value + "\n").size() != length) ++length;
  return record;
}

}  // namespace

TEST_CASE("members of an archive are found by name and read in place") {
  const std::string large(3000, 'x');
  const ArchiveIndex index = must(index_of(make_tar({{"a", "first"},
                                                     {"dir/", "", '5', ""},
                                                     {"./dir/b", large},
                                                     {"empty", ""},
                                                     {"a", "second"},
                                                     {"/abs", "absolute"}})));
  CHECK(content(index, "a") == "second");
  CHECK(content(index, "dir/b") == large);
  CHECK(content(index, "./dir//b") == large);
  CHECK(content(index, "empty").empty());
  CHECK(content(index, "abs") == "absolute");
  CHECK_FALSE(index.find("dir"));
  CHECK_FALSE(index.find("c"));
}

TEST_CASE("links lead to members of the archive only") {
  const ArchiveIndex index = must(index_of(make_tar({{"one/layer.tar", "layer"},
                                                     {"two/layer.tar", "", '2', "../one/layer.tar"},
                                                     {"three/layer.tar", "", '1', "one/layer.tar"},
                                                     {"four/layer.tar", "", '2', "../two/layer.tar"},
                                                     {"out", "", '2', "../../../../etc/passwd"},
                                                     {"abs", "", '2', "/etc/passwd"},
                                                     {"loop", "", '2', "loop"}})));
  CHECK(content(index, "two/layer.tar") == "layer");
  CHECK(content(index, "three/layer.tar") == "layer");
  CHECK(content(index, "four/layer.tar") == "layer");
  CHECK_FALSE(index.find("out"));
  CHECK_FALSE(index.find("abs"));
  CHECK_FALSE(index.find("loop"));
}

TEST_CASE("a name with .. is a key that leads nowhere") {
  const ArchiveIndex index =
      must(index_of(make_tar({{"../../etc/passwd", "x"}, {"a/../b", "y"}, {"..", "z"}})));
  CHECK_FALSE(index.find("../../etc/passwd"));
  CHECK_FALSE(index.find("etc/passwd"));
  CHECK(content(index, "b") == "y");
}

TEST_CASE("long names come from PAX and GNU headers") {
  const std::string name = std::string(150, 'p') + "/file";
  const std::string gnu = std::string(150, 'g') + "/file";
  const ArchiveIndex index = must(index_of(make_tar({{"x", pax("path", name) + pax("comment", "c"), 'x', ""},
                                                     {"short", "by pax"},
                                                     {"g", pax("comment", "global"), 'g', ""},
                                                     {"L", gnu + std::string(1, '\0'), 'L', ""},
                                                     {"short", "by gnu"},
                                                     {"plain", "plain"}})));
  CHECK(content(index, name) == "by pax");
  CHECK(content(index, gnu) == "by gnu");
  CHECK(content(index, "plain") == "plain");
}

TEST_CASE("damaged archives are refused") {
  const std::string good = make_tar({{"a", std::string(2000, 'a')}});
  std::string flipped = good;
  flipped[3] ^= 1;
  const auto [tar, why] = GENERATE_COPY(table<std::string, std::string>({
      {good.substr(0, 1000), "ends in the middle of a member"},
      {flipped, "damaged"},
      {std::string(2048, 'x'), "damaged"},
      {make_tar({{"x", "garbage", 'x', ""}, {"a", "b"}}), "PAX"},
      {make_tar({{"x", "99 path=a\n", 'x', ""}, {"a", "b"}}), "PAX"},
      {make_tar({{"x", "0 path=a\n", 'x', ""}, {"a", "b"}}), "PAX"},
      {make_tar({{"x", "18446744073709551616 path=a\n", 'x', ""}, {"a", "b"}}), "PAX"},
      {make_tar({{"x", pax("size", "99999999999"), 'x', ""}, {"a", "b"}}), "middle of a member"},
      {make_tar({{"x", pax("size", "-1"), 'x', ""}, {"a", "b"}}), "size"},
      {make_tar({{"x", pax("GNU.sparse.major", "1"), 'x', ""}, {"a", "b"}}), "sparse"},
      {make_tar({{"a", "b", 'S', ""}}), "sparse"},
  }));
  CAPTURE(why);
  const Result<ArchiveIndex> index = index_of(tar);
  REQUIRE_FALSE(index);
  CHECK_THAT(error_of(index), Catch::Matchers::Contains(why));
  CHECK(contains(error_of(index), "a.tar"));
}

TEST_CASE("endless headers, oversized ones and oversized names end in an error") {
  const std::vector<TarMember> headers(1000, {"x", pax("comment", "c"), 'x', ""});
  CHECK(contains(error_of(index_of(make_tar(headers))), "too many extended headers"));
  std::vector<TarMember> members;
  for (int i = 0; i < 100'001; ++i) members.push_back({std::to_string(i), ""});
  CHECK(contains(error_of(index_of(make_tar(members))), "too many members"));
  CHECK(index_of(make_tar({{"x", std::string(2u << 20, 'x'), 'x', ""}})).error().kind() == ErrorKind::limit);
  CHECK(
      index_of(make_tar({{"x", pax("path", std::string(5000, 'n')), 'x', ""}, {"a", "b"}})).error().kind() ==
      ErrorKind::limit);
}

TEST_CASE("what the writer writes, the index reads, and two runs give equal bytes") {
  const std::string long_name = "blobs/sha512/" + std::string(128, 'f');
  const auto write = [&] {
    StringSink sink;
    ArchiveWriter writer(sink);
    must(writer.add_directory("blobs"));
    must(writer.add_file("a.json", "{}"));
    must(writer.add_file(long_name, std::string(513, 'z')));
    must(writer.finish());
    return sink.bytes();
  };
  const std::string tar = write();
  CHECK(tar == write());
  CHECK(tar.size() % 512 == 0);
  const ArchiveIndex index = must(index_of(tar));
  CHECK(content(index, "a.json") == "{}");
  CHECK(content(index, long_name) == std::string(513, 'z'));
}

TEST_CASE("a member whose source is shorter than it was said to be is an error") {
  StringSink sink;
  ArchiveWriter writer(sink);
  MemorySource source("abc");
  CHECK(contains(error_of(writer.add_file("a", 5, source)), "3 bytes instead of 5"));
}

TEST_CASE("a size that ustar cannot hold goes into a PAX header") {
  StringSink sink;
  ArchiveWriter writer(sink);
  MemorySource empty("");
  CHECK_FALSE(writer.add_file("large", 1ull << 33, empty));
  CHECK(contains(sink.bytes(), "19 size=8589934592\n"));
  StringSink small;
  ArchiveWriter plain(small);
  CHECK_FALSE(plain.add_file("small", (1ull << 33) - 1, empty));
  CHECK_FALSE(contains(small.bytes(), "size="));
  CHECK(contains(small.bytes(), "77777777777"));
}

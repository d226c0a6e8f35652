#include "base/sparse_file.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using test::TempDirectory;

namespace {

Fd create(const TempDirectory& directory, const std::string& name) {
  return posix::open_at(directory.fd(), name, O_RDWR | O_CREAT | O_TRUNC, 0644).value();
}

std::string text_of(const TempDirectory& directory, const std::string& name) {
  return posix::read_file(directory.path(name)).value();
}

}  // namespace

TEST_CASE("bytes are all zero or not, wherever the other one is") {
  std::string text(100, '\0');
  CHECK(all_zero(as_bytes(text)));
  CHECK(all_zero({}));
  for (const std::size_t place : {0u, 1u, 50u, 99u}) {
    std::string other = text;
    other[place] = 1;
    CHECK_FALSE(all_zero(as_bytes(other)));
  }
}

TEST_CASE("long runs of zeros are left out as holes") {
  const TempDirectory directory;
  const auto bytes_on_disk = [&](const std::string& name) {
    return posix::lstat_at(directory.fd(), name).value().st_blocks * 512;
  };
  // Data that begins and ends anywhere, between holes of which only the aligned part is one.
  std::string text(1'000'000, '\0');
  text.replace(10, 5, "first");
  text.replace(300'001, 6, "second");
  const Fd inside = create(directory, "inside");
  CHECK(write_leaving_holes(inside, 777, as_bytes(text)).value());
  REQUIRE(set_size(inside, 777 + text.size()));
  CHECK(text_of(directory, "inside") == std::string(777, '\0') + text);
  CHECK(bytes_on_disk("inside") < 200'000);
  // The last byte is there: the size is right by itself.
  text.back() = 'x';
  const Fd ended = create(directory, "ended");
  CHECK_FALSE(write_leaving_holes(ended, 0, as_bytes(text)).value());
  CHECK(text_of(directory, "ended") == text);
  // Short runs between data are written.
  std::string small(20'000, '\0');
  small.front() = small.back() = 'x';
  const Fd whole = create(directory, "whole");
  CHECK_FALSE(write_leaving_holes(whole, 0, as_bytes(small)).value());
  CHECK(text_of(directory, "whole") == small);
  CHECK(bytes_on_disk("whole") >= 20'000);
  CHECK_FALSE(write_leaving_holes(whole, 0, {}).value());

  // Whatever the blocks are in which the bytes come.
  const Fd file = create(directory, "file");
  SparseFileSink sink(file);
  for (int i = 0; i < 50; ++i) REQUIRE(sink.write(as_bytes(std::string(10'001, '\0'))));
  REQUIRE(sink.finish());
  CHECK(text_of(directory, "file") == std::string(500'050, '\0'));
  CHECK(bytes_on_disk("file") < 20'000);
}

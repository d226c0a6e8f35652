#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "base/posix.hpp"
#include "base/stream.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using test::TempDirectory;

namespace {

Fd create(const TempDirectory& directory, const std::string& name) {
  return posix::open_at(directory.fd(), name, O_RDWR | O_CREAT | O_TRUNC, 0644).value();
}

std::string text_of(const TempDirectory& directory, const std::string& name) {
  return posix::read_file(directory.path(name), 64u << 20).value();
}

}  // namespace

TEST_CASE("posix io: reading whole files, with a limit") {
  const TempDirectory directory;
  const std::string text(100'000, 'x');
  REQUIRE(posix::write_full(create(directory, "file"), text));
  CHECK(posix::read_file(directory.path("file")).value() == text);
  CHECK(posix::read_file(directory.path("file"), text.size()).value() == text);
  const auto over = posix::read_file(directory.path("file"), text.size() - 1);
  REQUIRE(!over);
  CHECK(over.error().kind() == ErrorKind::limit);
  CHECK(over.error().message().contains(directory.path("file")));
  create(directory, "empty");
  CHECK(posix::read_file(directory.path("empty"), 0).value().empty());
  // Its size is said to be 0.
  CHECK(posix::read_file("/proc/self/status").value().contains("Pid:"));
  CHECK(posix::read_file("/dev/zero", 1000).error().kind() == ErrorKind::limit);
}

TEST_CASE("posix io: reading exactly so many bytes") {
  const TempDirectory directory;
  const Fd file = create(directory, "file");
  REQUIRE(posix::write_full(file, "12345"));
  REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
  std::array<std::byte, 4> buffer;
  REQUIRE(posix::read_full(file, buffer));
  const auto early = posix::read_full(file, buffer);
  REQUIRE(!early);
  CHECK(early.error().kind() == ErrorKind::invalid);
  CHECK(posix::read_some(file, buffer).value() == 0);
  const auto directory_read = posix::read_some(directory.fd(), buffer);
  REQUIRE(!directory_read);
  CHECK(directory_read.error().message() == "cannot read '" + directory.path() + "': Is a directory");
}

TEST_CASE("posix io: writing to a full device fails") {
  const auto full = posix::open("/dev/full", O_WRONLY);
  if (!full) return;
  const auto result = posix::write_full(*full, "x");
  REQUIRE(!result);
  CHECK(result.error().code() == ENOSPC);
}

TEST_CASE("posix io: a copy has exactly the bytes") {
  const TempDirectory directory;
  std::string text;
  for (int i = 0; i < 700'000; ++i) text += static_cast<char>(i * 7 + i / 255);
  const Fd from = create(directory, "from");
  REQUIRE(posix::write_full(from, text));
  for (const std::size_t size : {text.size(), text.size() / 2 + 1, std::size_t{1}, std::size_t{0}}) {
    const Fd to = create(directory, "to");
    // Longer and different before: nothing of it may stay.
    REQUIRE(posix::write_full(to, std::string(text.size() + 10, 'o')));
    REQUIRE(posix::copy_file_data(from, to, size));
    CHECK(text_of(directory, "to") == text.substr(0, size));
  }
  const auto longer = posix::copy_file_data(from, create(directory, "to"), text.size() + 1);
  REQUIRE(!longer);
  CHECK(longer.error().kind() == ErrorKind::invalid);
}

TEST_CASE("posix io: holes stay holes") {
  const TempDirectory directory;
  const Fd from = create(directory, "from");
  constexpr off_t k_size = 16 << 20;
  REQUIRE(::ftruncate(from.get(), k_size) == 0);
  REQUIRE(::pwrite(from.get(), "start", 5, 0) == 5);
  REQUIRE(::pwrite(from.get(), "middle", 6, 8 << 20) == 6);
  const Fd to = create(directory, "to");
  REQUIRE(posix::copy_file_data(from, to, k_size));
  const struct stat status = posix::stat_fd(to).value();
  CHECK(status.st_size == k_size);
  if (posix::stat_fd(from).value().st_blocks < 1024) CHECK(status.st_blocks < 1024);
  CHECK(text_of(directory, "to") == text_of(directory, "from"));
}

TEST_CASE("posix io: copying what copy_file_range cannot") {
  const TempDirectory directory;
  const Fd to = create(directory, "to");
  // A memory file is on another file system.
  const std::string text = "from memory";
  const Fd memory = posix::sealed_memory_file("x", as_bytes(text)).value();
  REQUIRE(posix::copy_file_data(memory, to, text.size()));
  CHECK(text_of(directory, "to") == text);
  const Fd zero = posix::open("/dev/zero", O_RDONLY).value();
  REQUIRE(posix::copy_file_data(zero, to, 10));
  CHECK(text_of(directory, "to") == std::string(10, '\0'));
  CHECK(!posix::copy_file_data(posix::open("/dev/null", O_RDONLY).value(), to, 10));
}

TEST_CASE("posix io: a copy over the size limit of files fails") {
  const TempDirectory directory;
  const Fd from = create(directory, "from");
  REQUIRE(posix::write_full(from, std::string(200'000, 'x')));
  struct rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct rlimit small = before;
  small.rlim_cur = 100'000;
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  const Fd to = create(directory, "to");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto result = posix::copy_file_data(from, to, 200'000);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  REQUIRE(!result);
  CHECK(result.error().code() == EFBIG);
}

TEST_CASE("posix io: syncing") {
  const TempDirectory directory;
  CHECK(posix::fsync(create(directory, "file")));
  CHECK(posix::fsync(directory.fd()));
  CHECK(posix::syncfs(directory.fd()));
  CHECK(!posix::fsync(Fd()));
}

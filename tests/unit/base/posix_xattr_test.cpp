#include <sys/xattr.h>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using posix::Xattr;

namespace {

// A directory on a file system with user xattrs; tmpfs has them since Linux 6.6 only.
bool has_user_xattrs(const test::TempDirectory& directory) {
  REQUIRE(posix::open_at(directory.fd(), "file", O_WRONLY | O_CREAT, 0644));
  return ::setxattr(directory.path("file").c_str(), "user.probe", "", 0, 0) == 0 &&
         ::removexattr(directory.path("file").c_str(), "user.probe") == 0;
}

std::vector<Xattr> user_ones(std::vector<Xattr> xattrs) {
  std::erase_if(xattrs, [](const Xattr& xattr) { return !xattr.name.starts_with("user."); });
  return xattrs;
}

}  // namespace

TEST_CASE("xattr: set, get, list and remove") {
  const test::TempDirectory directory;
  if (!has_user_xattrs(directory)) {
    WARN("no user xattrs on the temporary directory's file system");
    return;
  }
  const std::string binary("\0\xff\n", 3);
  const std::string large(2000, 'x');
  REQUIRE(posix::set_xattr_at(directory.fd(), "file", "user.z", binary));
  REQUIRE(posix::set_xattr_at(directory.fd(), "file", "user.a", ""));
  REQUIRE(posix::set_xattr_at(directory.fd(), "file", "user.m", "old"));
  REQUIRE(posix::set_xattr_at(directory.fd(), "file", "user.m", large));
  const std::vector<Xattr> expected = {{"user.a", ""}, {"user.m", large}, {"user.z", binary}};
  CHECK(user_ones(posix::list_xattrs_at(directory.fd(), "file").value()) == expected);
  for (const int flags : {O_RDONLY, O_PATH}) {
    const Fd file = posix::open_at(directory.fd(), "file", flags).value();
    CHECK(user_ones(posix::list_xattrs(file).value()) == expected);
  }
  CHECK(posix::get_xattr_at(directory.fd(), "file", "user.z").value() == binary);
  CHECK(posix::get_xattr_at(directory.fd(), "file", "user.a").value() == "");
  CHECK(!posix::get_xattr_at(directory.fd(), "file", "user.missing").value());
  REQUIRE(posix::remove_xattr_at(directory.fd(), "file", "user.z"));
  CHECK(!posix::get_xattr_at(directory.fd(), "file", "user.z").value());
  CHECK(!posix::remove_xattr_at(directory.fd(), "file", "user.z"));
}

TEST_CASE("xattr: never through a symlink") {
  const test::TempDirectory directory;
  if (!has_user_xattrs(directory)) return;
  REQUIRE(posix::symlink_at("file", directory.fd(), "link"));
  REQUIRE(posix::set_xattr_at(directory.fd(), "file", "user.secret", "value"));
  CHECK(!posix::get_xattr_at(directory.fd(), "link", "user.secret").value_or(std::nullopt));
  CHECK(user_ones(posix::list_xattrs_at(directory.fd(), "link").value()).empty());
  CHECK(!posix::set_xattr_at(directory.fd(), "link", "user.new", "value"));
  CHECK(!posix::get_xattr_at(directory.fd(), "file", "user.new").value());
  CHECK(!posix::remove_xattr_at(directory.fd(), "link", "user.secret"));
  CHECK(posix::get_xattr_at(directory.fd(), "file", "user.secret").value() == "value");
  const Fd link = posix::open_at(directory.fd(), "link", O_PATH | O_NOFOLLOW).value();
  CHECK(user_ones(posix::list_xattrs(link).value()).empty());
}

TEST_CASE("xattr: a file system without them lists none") {
  const Fd proc = posix::open("/proc", O_RDONLY | O_DIRECTORY).value();
  CHECK(posix::list_xattrs(proc).value().empty());
  CHECK(posix::list_xattrs_at(proc, "version").value().empty());
  CHECK(!posix::get_xattr_at(proc, "version", "user.x").value());
}

TEST_CASE("xattr: what is missing is an error with its name") {
  const test::TempDirectory directory;
  const auto missing = posix::list_xattrs_at(directory.fd(), "missing");
  REQUIRE(!missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  CHECK(missing.error().message().contains("'missing'"));
  CHECK(!posix::list_xattrs(Fd()));
}

#include "run/user_lookup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

// A root directory with /etc.
class Root {
public:
  Root() {
    REQUIRE(posix::mkdir_at(m_root.fd(), "etc", 0755));
    m_etc = posix::open_at(m_root.fd(), "etc", O_RDONLY | O_DIRECTORY).value();
  }

  void write(const std::string& name, std::string_view text) {
    const Fd file = posix::open_at(m_etc, name, O_CREAT | O_TRUNC | O_WRONLY, 0644).value();
    REQUIRE(posix::write_full(file, text));
  }
  const Fd& fd() const { return m_root.fd(); }
  const Fd& etc() const { return m_etc; }
  const std::string& path() const { return m_root.path(); }

private:
  test::TempDirectory m_root;
  Fd m_etc;
};

constexpr std::string_view k_passwd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# comment\n"
    "broken\n"
    "minus:x:-1:5::/:\n"
    "huge:x:4294967295:5::/:\n"
    "hex:x:0x10:5::/:\n"
    "www:x:33:34:Web:/var/www:/bin/sh\n"
    "www:x:99:99:second:/:\n"
    "odd:x:77:78:no absolute home:home:\n"
    "1000:x:5:6:a number as name:/n:\n"
    "short:x:8:9\n";
constexpr std::string_view k_group =
    "root:x:0:root\n"
    "www:x:34:\n"
    "zed:x:50:www,root\n"
    "audio:x:29:other,www\n"
    "audio2:x:29:www\n"
    "bad:x:nine:www\n"
    "none\n";

}  // namespace

TEST_CASE("users are found as docker finds them") {
  Root root;
  root.write("passwd", k_passwd);
  root.write("group", k_group);
  struct Case {
    std::string user;
    uid_t uid;
    gid_t gid;
    std::vector<gid_t> groups;
    std::string home;
    std::string name;
  };
  const std::vector<Case> cases = {
      {"", 0, 0, {0, 50}, "/root", "root"},
      {"root", 0, 0, {0, 50}, "/root", "root"},
      {"www", 33, 34, {34, 29, 50}, "/var/www", "www"},
      {"33", 33, 34, {34, 29, 50}, "/var/www", "www"},
      {"www:audio", 33, 29, {29}, "/var/www", "www"},
      {"www:7", 33, 7, {7}, "/var/www", "www"},
      {":zed", 0, 50, {50}, "/root", "root"},
      {"4242", 4242, 0, {0}, "/", ""},
      {"4242:4243", 4242, 4243, {4243}, "/", ""},
      {"odd", 77, 78, {78}, "/", "odd"},
      {"1000", 5, 6, {6}, "/n", "1000"},  // a name comes before a number
      {"short", 8, 9, {9}, "/", "short"},
  };
  for (const Case& item : cases) {
    INFO("user '" << item.user << "'");
    const auto found = look_up_user(root.fd(), item.user);
    REQUIRE(found);
    CHECK(found->uid == item.uid);
    CHECK(found->gid == item.gid);
    CHECK(found->additional_gids == item.groups);
    CHECK(found->home == item.home);
    CHECK(found->name == item.name);
  }
}

TEST_CASE("users and groups that do not exist are named") {
  Root root;
  root.write("passwd", k_passwd);
  root.write("group", k_group);
  for (const char* user :
       {"nobody", "minus", "huge", "hex", "broken", "-1", "4294967295", "0x10", "www\x1b[2J"}) {
    INFO(user);
    const auto found = look_up_user(root.fd(), user);
    REQUIRE_FALSE(found);
    CHECK(found.error().kind() == ErrorKind::not_found);
    CHECK(found.error().message().find('\x1b') == std::string::npos);
  }
  CHECK(look_up_user(root.fd(), "www:bad").error().message() ==
        "there is no group 'bad' in '/etc/group' of the image");
}

TEST_CASE("an image without account files has root and numbers") {
  Root root;
  CHECK(look_up_user(root.fd(), "")->home == "/root");
  CHECK(look_up_user(root.fd(), "12:13")->gid == 13);
  CHECK_FALSE(look_up_user(root.fd(), "root"));
}

TEST_CASE("owners for --chown") {
  Root root;
  root.write("passwd", k_passwd);
  root.write("group", k_group);
  struct Case {
    std::string owner;
    uid_t uid;
    gid_t gid;
  };
  const std::vector<Case> cases = {{"www", 33, 34}, {"33", 33, 33}, {"33:zed", 33, 50}, {":zed", 0, 50},
                                   {"1:2", 1, 2},   {"", 0, 0},     {"www:1", 33, 1},   {"1000", 1000, 1000}};
  for (const Case& item : cases) {
    INFO("owner '" << item.owner << "'");
    const auto owner = look_up_owner(root.fd(), item.owner);
    REQUIRE(owner);
    CHECK(owner->uid == item.uid);
    CHECK(owner->gid == item.gid);
  }
  CHECK(look_up_owner(root.fd(), "nobody").error().kind() == ErrorKind::not_found);
}

TEST_CASE("hostile: /etc/passwd is a FIFO") {
  Root root;
  REQUIRE(::mkfifo((root.path() + "/etc/passwd").c_str(), 0644) == 0);
  const auto found = look_up_user(root.fd(), "www");
  REQUIRE_FALSE(found);
  CHECK(found.error().message() == "'/etc/passwd' of the root file system is not a regular file");
}

TEST_CASE("hostile: /etc/passwd is a directory") {
  Root root;
  REQUIRE(posix::mkdir_at(root.etc(), "passwd", 0755));
  CHECK(look_up_user(root.fd(), "www").error().kind() == ErrorKind::invalid);
}

TEST_CASE("hostile: /etc/passwd is huge") {
  Root root;
  root.write("passwd", "");
  REQUIRE(::truncate((root.path() + "/etc/passwd").c_str(), off_t{1} << 40) == 0);
  CHECK(look_up_user(root.fd(), "www").error().kind() == ErrorKind::limit);
}

TEST_CASE("hostile: /etc/passwd is a symlink to the host's") {
  Root root;
  for (const char* target :
       {"/etc/hostpasswd", "../../../../../../../../etc/hostpasswd", "/proc/self/fd/0"}) {
    REQUIRE(posix::symlink_at(target, root.etc(), "passwd"));
    // Resolved inside the root, where there is none.
    CHECK_FALSE(look_up_user(root.fd(), "www"));
    REQUIRE(posix::unlink_at(root.etc(), "passwd"));
  }
  // Inside it is followed, absolute or not: some images keep their files elsewhere.
  root.write("real", "www:x:33:34::/:\n");
  REQUIRE(posix::symlink_at("/etc/real", root.etc(), "passwd"));
  CHECK(look_up_user(root.fd(), "www")->uid == 33);
}

TEST_CASE("hostile: a line of two megabytes is skipped, the next one counts") {
  Root root;
  root.write("passwd", "a:x:1:1:" + std::string(2 << 20, 'x') + ":/:\nwww:x:33:34::/:\n");
  CHECK(look_up_user(root.fd(), "www")->uid == 33);
  CHECK_FALSE(look_up_user(root.fd(), "a"));
}

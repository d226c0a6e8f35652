#include "cli/mount_spec.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;
using Type = MountSpec::Type;
using Words = std::vector<std::string>;

TEST_CASE("volumes: host paths, named volumes, nameless volumes") {
  CHECK(parse_volume("/a:/b").value() == MountSpec{Type::bind, "/a", "/b", {"rbind"}});
  CHECK(parse_volume("./a:/b:ro,Z").value() == MountSpec{Type::bind, "./a", "/b", {"rbind", "rro"}});
  CHECK(parse_volume("/a:/b:ro,rw").value() == MountSpec{Type::bind, "/a", "/b", {"rbind", "ro", "rw"}});
  CHECK(parse_volume("/a:/b:bind,ro").value() == MountSpec{Type::bind, "/a", "/b", {"bind", "ro"}});
  CHECK(parse_volume(".:/b:bind,nosuid").value() == MountSpec{Type::bind, ".", "/b", {"bind", "nosuid"}});
  CHECK(parse_volume("data:/b").value() == MountSpec{Type::volume, "data", "/b", {"bind"}});
  CHECK(parse_volume("/b").value() == MountSpec{Type::volume, "", "/b", {"bind"}});
}

TEST_CASE("volumes: what is wrong is refused") {
  for (const char* text : {"", ":/b", "/a:b", "/a:/b:ro:x", "/a:/b/../c", "/a:/", "/a://", "a/b:/c", "-x:/c",
                           "..x y:/c:what", "/a:/b:what", "/a:/b:U"}) {
    INFO(text);
    const auto spec = parse_volume(text);
    REQUIRE_FALSE(spec);
    CHECK(spec.error().kind() == ErrorKind::invalid);
  }
}

TEST_CASE("mounts in words") {
  CHECK(parse_mount("type=bind,src=/a,dst=/b,readonly").value() ==
        MountSpec{Type::bind, "/a", "/b", {"rbind", "rro"}});
  CHECK(parse_mount("type=bind,source=a,target=/b,ro=false,bind-propagation=rslave").value() ==
        MountSpec{Type::bind, "a", "/b", {"rbind", "rw", "rslave"}});
  CHECK(parse_mount("source=data,destination=/b").value() == MountSpec{Type::volume, "data", "/b", {"bind"}});
  CHECK(
      parse_mount("type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=0700").value() ==
      MountSpec{Type::tmpfs, "", "/t", {"nosuid", "nodev", "noexec", "mode=1777", "size=64m", "mode=0700"}});
  for (const char* text :
       {"type=bind,dst=/b", "type=bind,src=/a", "type=glob,src=/a,dst=/b", "type=tmpfs,src=/a,dst=/b",
        "type=bind,src=/a,dst=/b,colour=red", "type=volume,src=../x,dst=/b"}) {
    INFO(text);
    CHECK_FALSE(parse_mount(text));
  }
}

TEST_CASE("file systems in memory") {
  CHECK(parse_tmpfs("/t:size=1m,exec").value() ==
        MountSpec{Type::tmpfs, "", "/t", {"nosuid", "nodev", "noexec", "mode=1777", "size=1m", "exec"}});
  CHECK_FALSE(parse_tmpfs("t"));
}

#include "cli/mount_spec.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;
using Type = MountSpec::Type;
using Words = std::vector<std::string>;

TEST_CASE("volumes: host paths, named volumes, nameless volumes") {
  CHECK(parse_volume("/a:/b").value() == MountSpec{Type::bind, "/a", "/b", {"rbind"}});
  CHECK(parse_volume("./a:/b:ro").value() == MountSpec{Type::bind, "./a", "/b", {"rbind", "rro"}});
  CHECK(parse_volume("/a:/b:ro,rw").value() == MountSpec{Type::bind, "/a", "/b", {"rbind", "ro", "rw"}});
  CHECK(parse_volume("/a:/b:bind,ro").value() == MountSpec{Type::bind, "/a", "/b", {"bind", "ro"}});
  CHECK(parse_volume(".:/b:bind,nosuid").value() == MountSpec{Type::bind, ".", "/b", {"bind", "nosuid"}});
  CHECK(parse_volume("data:/b").value() == MountSpec{Type::volume, "data", "/b", {"bind"}});
  CHECK(parse_volume("/b").value() == MountSpec{Type::volume, "", "/b", {"bind"}});
}

TEST_CASE("volumes: options for ecrin itself") {
  const MountSpec given = parse_volume("/a:/b:U,Z,noexec").value();
  CHECK(given.gives_away);
  CHECK(given.relabels);
  CHECK(given.options == Words{"rbind", "noexec"});
  CHECK(parse_volume("data:/b").value().copies);
  CHECK_FALSE(parse_volume("data:/b:nocopy").value().copies);
  const MountSpec part = parse_mount("source=data,dst=/b,volume-subpath=x/y,volume-nocopy,ro").value();
  CHECK(part.subpath == "x/y");
  CHECK_FALSE(part.copies);
  CHECK(part.options == Words{"bind", "ro"});
  const MountSpec image = parse_mount("type=image,source=tools:1,destination=/t,rw=true").value();
  CHECK(image.type == Type::image);
  CHECK(image.source == "tools:1");
  CHECK(image.options == Words{"bind", "ro", "rw"});
  for (const char* wrong :
       {"type=image,dst=/t", "type=bind,src=/a,dst=/b,subpath=c", "type=tmpfs,dst=/t,U=1"})
    CHECK_FALSE(parse_mount(wrong));
}

TEST_CASE("volumes: what is wrong is refused") {
  for (const char* text : {"", ":/b", "/a:b", "/a:/b:ro:x", "/a:/b/../c", "/a:/", "/a://", "a/b:/c", "-x:/c",
                           "..x y:/c:what", "/a:/b:what", "/a:/b:nocopy", "/a:/b:O"}) {
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

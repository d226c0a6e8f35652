// Files that tools stumble over: they must survive build, save, load and run unchanged.
#include <sys/xattr.h>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// Inside a container hard links do not count: a driver may give every name of a lower layer's file an inode
// of its own. In layers and exports they do.
std::string listed(const Ecrin& ecrin, const std::string& image, const std::string& directory) {
  return ecrin.in_container(image, {"/bin/test-init", "list", directory, "--no-holes", "--no-links"});
}

/// Times are clamped by a build, so a listing made inside a step compares without them.
std::string listed_without_times(const Ecrin& ecrin, const std::string& image, const std::string& directory) {
  return ecrin.in_container(image,
                            {"/bin/test-init", "list", directory, "--no-holes", "--no-links", "--no-time"});
}

/// fuse-overlayfs (the program, 1.10) gives the kernel whole paths below its layers: what lies deeper than
/// PATH_MAX bytes in a lower layer is not there, and cannot be made either.
std::string depth_flag(const Ecrin& ecrin) {
  return ecrin.driver == "fuse-overlayfs" ? "--shallow" : "";
}

/// The tree as `export` writes it, hard links included.
std::string listed_from_export(const Ecrin& ecrin, const std::string& image, const std::string& directory) {
  const Scratch scratch;
  ecrin.must({"export", "-o", scratch / "tree.tar", image});
  make_directory(scratch / "tree");
  const Outcome unpacked = run(
      host_command({"unshare", "--map-root-user", "--map-auto", "--", "tar", "-x", "-p", "--numeric-owner",
                    "--xattrs", "--xattrs-include=*", "-f", scratch / "tree.tar", "-C", scratch / "tree"}));
  INFO(unpacked.description);
  REQUIRE(unpacked.code == 0);
  return list_tree(scratch / "tree" + directory, {"--no-holes", "--no-time"});
}

}  // namespace

TEST_CASE("odd files of a context survive copy, save, load and run") {
  Ecrin ecrin;
  make_directory(ecrin.context_directory());
  const std::string odd = ecrin.context_directory() + "/odd";
  REQUIRE(
      run(host_command({"sh", "-c", setting().test_init + " odd " + odd + " --plain " + depth_flag(ecrin)}))
          .code == 0);
  const Arguments flags = {"--no-holes", "--no-links", "--no-time"};
  const std::string expected = list_tree(odd, flags);
  const std::string id =
      ecrin.build("from: localhost/busybox\nsteps:\n  - copy: {src: odd, dest: /odd}\n", {"-t", "odd"});
  Arguments list = {"/bin/test-init", "list", "/odd"};
  list.insert(list.end(), flags.begin(), flags.end());
  CHECK(difference(ecrin.in_container(id, list), expected) == "");

  for (const std::string format : {"oci-archive", "docker-archive"}) {
    const std::string archive = ecrin.scratch() / (format + ".tar");
    ecrin.must({"save", "--format", format, "-o", archive, "odd"});
    Ecrin other(Ecrin::Base::none);
    other.must({"load", "-i", archive});
    INFO(format);
    CHECK(difference(listed(other, "odd", "/odd"), listed(ecrin, id, "/odd")) == "");
    CHECK(other.diff_ids("odd") == ecrin.diff_ids(id));
  }
}

TEST_CASE("hard links of a context are hard links in the image") {
  Ecrin ecrin;
  ecrin.context("tree/b", "linked\n");
  ecrin.context("tree/sub/other", "other\n");
  for (const char* name : {"tree/a", "tree/sub/c"})
    run(host_command({"ln", ecrin.context_directory() + "/tree/b", ecrin.context_directory() + "/" + name}));
  const std::string id = ecrin.build("from: localhost/busybox\nsteps:\n  - copy: {src: tree, dest: /tree}\n");
  CHECK(difference(listed_from_export(ecrin, id, "/tree"),
                   list_tree(ecrin.context_directory() + "/tree", {"--no-holes", "--no-time"})) == "");
}

TEST_CASE("odd files made by a step survive, and so does their deletion") {
  Ecrin ecrin;
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - run: |
      test-init odd /odd SHALLOW && test-init list /odd --no-holes --no-links --no-time > /listing-1
      mkdir -p /replace/directory/inside /replace/opaque && cd /replace
      for name in file other opaque/old directory/inside/x; do echo $name > $name; done
      ln -s file symlink
  - run: |
      rm /odd/fifo /odd/empty && rm -r /odd/links /odd/empty-directory && echo now-a-file > /odd/empty-directory
      mkdir /odd/links && echo fresh > /odd/links/fresh
      cd /replace && rm file && mkdir file && echo in > file/in
      rm -r directory && ln -s /etc directory
      rm -r opaque && mkdir opaque && echo new > opaque/new
      rm other && mkfifo other && rm symlink && echo real > symlink
      test-init list /odd --no-holes --no-links --no-time > /listing-2
      test-init list /replace --no-holes --no-links --no-time > /listing-3
)";
  const std::string id =
      ecrin.build(std::string(recipe).replace(recipe.find("SHALLOW"), 7, depth_flag(ecrin)), {"-t", "made"});
  const std::string odd = ecrin.in_container(id, {"cat", "/listing-2"});
  const std::string replaced = ecrin.in_container(id, {"cat", "/listing-3"});
  CHECK(contains(replaced, "directory symlink"));
  CHECK_FALSE(contains(replaced, "opaque/old"));
  CHECK(difference(listed_without_times(ecrin, id, "/odd"), odd) == "");
  CHECK(difference(listed_without_times(ecrin, id, "/replace"), replaced) == "");

  const std::string archive = ecrin.scratch() / "made.tar";
  ecrin.must({"save", "-o", archive, "made"});
  Ecrin other(Ecrin::Base::none);
  other.must({"load", "-i", archive});
  CHECK(difference(listed_without_times(other, "made", "/odd"), odd) == "");
  CHECK(difference(listed_without_times(other, "made", "/replace"), replaced) == "");
  CHECK(difference(listed(other, "made", "/odd"), listed(ecrin, id, "/odd")) == "");

  SECTION("and export and import") {
    const std::string tree = ecrin.scratch() / "tree.tar";
    ecrin.must({"export", "-o", tree, id});
    other.must({"import", tree, "imported"});
    CHECK(difference(listed_without_times(other, "imported", "/odd"), odd) == "");
    CHECK(difference(listed_without_times(other, "imported", "/replace"), replaced) == "");
  }
  SECTION("and the other drivers") {
    for (const std::string driver : {"overlay", "copy"}) {
      other.driver = driver;
      INFO(driver);
      CHECK(difference(listed_without_times(other, "made", "/odd"), odd) == "");
      CHECK(difference(listed_without_times(other, "made", "/replace"), replaced) == "");
    }
  }
}

TEST_CASE("file capabilities survive a copy from another stage and an archive that is added") {
  Ecrin ecrin;
  make_directory(ecrin.context_directory());
  const std::string script = R"(
import io, sys, tarfile
entry = tarfile.TarInfo("capable")
entry.mode, entry.uid, entry.gid, entry.size = 0o755, 3, 4, 2
rights = "\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
entry.pax_headers = {"SCHILY.xattr.security.capability": rights, "SCHILY.xattr.user.plain": "value"}
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
    tar.addfile(entry, io.BytesIO(b"x\n"))
)";
  const Outcome made =
      run(host_command({"/usr/bin/python3", "-c", script, ecrin.context_directory() + "/capable.tar"}));
  INFO(made.description);
  REQUIRE(made.code == 0);
  const std::string id = ecrin.build(R"(
stages:
  source:
    from: localhost/busybox
    steps:
      - run: test-init capable /capable
  main:
    from: localhost/busybox
    steps:
      - copy: {from: source, src: /capable, dest: /copied/}
      - copy: {from: source, src: /capable, dest: /given/, owner: "5:6", mode: 0700}
      - add: {src: capable.tar, dest: /added}
)");
  const auto rights = [&](const std::string& directory) {
    const std::string listing = listed_without_times(ecrin, id, directory);
    INFO(listing);
    CHECK(contains(listing, "security.capability=\\x01\\x00\\x00\\x02\\x00\\x04"));
    return listing;
  };
  CHECK(contains(rights("/copied"), "capable file 0755 0:0"));
  CHECK(contains(rights("/given"), "capable file 0700 5:6"));
  const std::string added = rights("/added");
  CHECK(contains(added, "capable file 0755 3:4"));
  CHECK(contains(added, "user.plain=value"));
}

TEST_CASE("writing to one name of a hard-linked file of a lower layer makes it a file of its own") {
  Ecrin ecrin;
  if (ecrin.driver == "fuse-overlayfs")
    ECRIN_SKIP(
        "fuse-overlayfs keeps one inode for all names of a hard-linked lower file: programs in the container "
        "see a write to one name in all of them, so the layer has to hold it under all");
  const std::string id = ecrin.build(R"(
from: localhost/busybox
steps:
  - run: echo old > /one && ln /one /two
  - run: echo more >> /one
)");
  CHECK(ecrin.in_container(id, {"cat", "/one", "/two"}) == "old\nmore\nold\n");
}

TEST_CASE("a sparse file of more than 8 GiB survives", "[any-driver][heavy]") {
  Ecrin ecrin;
  const std::string recipe =
      "from: localhost/busybox\nsteps:\n  - run: test-init sparse /sparse-file 8589938688\n";
  Invocation build = ecrin.build_invocation(recipe, {"-q", "-t", "sparse"});
  build.timeout = std::chrono::seconds(600);
  const Outcome built = run(build);
  INFO(built.description);
  REQUIRE(built.code == 0);
  const Arguments facts = {"sh", "-c",
                           "stat -c %s /sparse-file; head -c 5 /sparse-file; tail -c 4 /sparse-file"};
  CHECK(ecrin.in_container("sparse", facts) == "8589938688\nfirstlast");
  Invocation save = ecrin.invocation({"save", "-o", ecrin.scratch() / "sparse.tar", "sparse"});
  save.timeout = std::chrono::seconds(600);
  REQUIRE(run(save).code == 0);
  Ecrin other(Ecrin::Base::none);
  Invocation load = other.invocation({"load", "-i", ecrin.scratch() / "sparse.tar"});
  load.timeout = std::chrono::seconds(600);
  REQUIRE(run(load).code == 0);
  Invocation inside = other.invocation({"run", "--rm", "sparse", "sh", "-c", facts[2]});
  inside.timeout = std::chrono::seconds(600);
  const Outcome read = run(inside);
  INFO(read.description);
  CHECK(read.out == "8589938688\nfirstlast");
  // Neither the layer's tree nor its blob takes the room of the zeros.
  const Outcome blocks = run(host_command({"du", "-sm", other.root()}));
  INFO(blocks.description);
  CHECK(std::stoi(blocks.out) < 500);
}

TEST_CASE("a default ACL on the store's directory changes no layer and nothing in a container") {
  Ecrin plain(Ecrin::Base::none);
  Ecrin inheriting(Ecrin::Base::none);
  const auto give_default_acl = [&](const std::string& directory) {
    // Version 2; user::rwx, user:2:rwx, group::rwx, mask::rwx, other::r-x
    const unsigned char acl[] = {2, 0, 0,   0,   1,   0,   7,  0, 255, 255, 255, 255, 2,   0,  7,
                                 0, 2, 0,   0,   0,   4,   0,  7, 0,   255, 255, 255, 255, 16, 0,
                                 7, 0, 255, 255, 255, 255, 32, 0, 5,   0,   255, 255, 255, 255};
    return ::setxattr(directory.c_str(), "system.posix_acl_default", acl, sizeof acl, 0) == 0;
  };
  const auto has_acl = [](const std::string& path) {
    return ::lgetxattr(path.c_str(), "system.posix_acl_default", nullptr, 0) > 0 ||
           ::lgetxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
  };
  if (!exists(inheriting.root())) make_directory(inheriting.root());
  if (!give_default_acl(inheriting.root())) ECRIN_SKIP("the file system has no ACLs");
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - run: mkdir /d && echo x > /d/f && mkdir -m 700 /e && touch /e/g && umask 000 && touch /open && mkdir /wide
  - copy: {src: f, dest: /f}
  - write: {dest: /w/x, content: hello}
)";
  const std::string look =
      "mkdir /new && touch /new/f && stat -c '%n %a' /d /d/f /e /open /wide /w /bin /new /new/f";
  std::vector<std::string> digests;
  std::vector<std::string> seen;
  for (Ecrin* ecrin : {&plain, &inheriting}) {
    ecrin->must({"load", "-q", "-i", setting().busybox});
    ecrin->context("f", "content", 0640);
    ecrin->build(recipe, {"-t", "made"});
    digests.push_back(ecrin->inspect("made").at("Digest"));
    seen.push_back(ecrin->in_container("made", {"sh", "-c", look}));
  }
  CHECK(digests[0] == digests[1]);
  CHECK(seen[0] == seen[1]);
  for (const std::string& layer : names_in(inheriting.root() + "/layers"))
    CHECK_FALSE(has_acl(inheriting.root() + "/layers/" + layer));

  // Somebody gives the directories of a store such ACLs later.
  give_default_acl(inheriting.root());
  for (const std::string& name : names_in(inheriting.root()))
    (void)give_default_acl(inheriting.root() + "/" + name);
  inheriting.build(recipe, {"-t", "again", "--no-cache"});
  CHECK(inheriting.inspect("again").at("Digest") == digests[0]);
}

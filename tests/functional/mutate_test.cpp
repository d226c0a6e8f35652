// New images out of images: config, append, squash, rebase, and what diff says of them.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

/// What is in the merged tree, as a tar that was unpacked with all ids.
std::string exported(const Ecrin& ecrin, const std::string& image, const std::string& directory) {
  ecrin.must({"export", "-o", directory + ".tar", image});
  return read_file(directory + ".tar");
}

std::string build_layers(const Ecrin& ecrin) {
  // fuse-overlayfs cannot hold names of 255 bytes.
  const std::string odd = ecrin.driver == "fuse-overlayfs"
                              ? "mkdir -p /odd/links && mkfifo /odd/fifo && echo x > /odd/file"
                              : "test-init odd /odd --shallow";
  return ecrin.build("from: localhost/busybox\nsteps:\n  - run: " + odd + R"(
           && mkdir -p /odd/opaque/below && echo old > /odd/opaque/old
  - run: |
      rm /odd/fifo && rm -r /odd/links && mkdir /odd/links && echo fresh > /odd/links/fresh
      rm -r /odd/opaque && mkdir /odd/opaque && echo new > /odd/opaque/new
  - run: rm -r /odd/opaque && touch /odd/opaque && chown 7:8 /odd/links
)",
                     {"-t", "layers"});
}

/// A base, and the same with a fix; an image on the first one.
struct Bases {
  Ecrin ecrin;
  Bases() {
    ecrin.build(base("old", "one"), {"-t", "base:1"});
    ecrin.build(base("fixed", "two"), {"-t", "base:2"});
    ecrin.build(
        "from: localhost/base:1\nsteps:\n  - write: {dest: /app/file, content: mine}\n"
        "  - write: {dest: /etc/both, content: the image's}\n"
        "config: {cmd: [cat, /lib/fix, /app/file], env: {APP: x}, labels: {app: me}}\n",
        {"-t", "app"});
  }
  static std::string base(const std::string& fix, const std::string& version) {
    return "from: localhost/busybox\nsteps:\n  - write: {dest: /lib/fix, content: " + fix +
           "}\n  - write: {dest: /etc/both, content: " + version +
           "}\nconfig: {labels: {version: " + version + "}, env: {BASE: " + version + "}}\n";
  }
};

}  // namespace

TEST_CASE("config changes settings and leaves layers", "[any-driver]") {
  Ecrin ecrin;
  const std::string id = ecrin.must({"config", "busybox", "--env", "A=b", "--label", "x=y", "--cmd",
                                     R"(["echo", "hello"])", "--workdir", "/tmp", "-t", "other"});
  CHECK(full_id(ecrin.inspect("other").at("Id")) == id);
  CHECK(ecrin.diff_ids("other") == ecrin.diff_ids("busybox"));
  CHECK(trimmed(ecrin.must({"run", "--rm", "other"})) == "hello");
  CHECK(contains(ecrin.in_container("other", {"env"}), "A=b\n"));
  // The same from elsewhere has the same ID, and what changes nothing is the image itself.
  Ecrin second;
  CHECK(second.must({"config", "busybox", "--env", "A=b", "--label", "x=y", "--cmd", R"(["echo", "hello"])",
                     "--workdir", "/tmp"}) == id);
  CHECK(ecrin.must({"config", "other", "--env", "A=b"}) == id);
  const std::string bare = ecrin.must({"config", "other", "--env", "-", "--cmd", "", "--workdir", ""});
  CHECK_FALSE(ecrin.inspect(bare).at("Config").contains("Cmd"));
  CHECK(contains(ecrin.must({"history", "--no-trunc", "other"}),
                 "config: cmd echo hello, env A, workdir /tmp"));
  const std::string before = ecrin.store_state();
  for (const Arguments& wrong : {Arguments{"config", "busybox", "-t", "x"},
                                 {"config", "busybox", "--env", "A"},
                                 {"config", "busybox", "--port", "70000"},
                                 {"config", "busybox", "--workdir", "here"},
                                 {"config", "nothing", "--user", "x"},
                                 {"config", "busybox", "--healthcheck-timeout", "1s"}}) {
    const Outcome outcome = ecrin(wrong);
    INFO(outcome.description);
    CHECK(one_error(outcome));
  }
  CHECK(ecrin.store_state() == before);
}

TEST_CASE("a squashed image has the same tree") {
  Ecrin ecrin;
  build_layers(ecrin);
  const std::string tree = exported(ecrin, "layers", ecrin.scratch() / "tree");
  ecrin.must({"squash", "layers", "-t", "one"});
  CHECK(ecrin.diff_ids("one").size() == 1);
  CHECK(exported(ecrin, "one", ecrin.scratch() / "one") == tree);
  ecrin.must({"squash", "--from", "busybox", "layers", "-t", "two"});
  CHECK(ecrin.diff_ids("two").size() == ecrin.diff_ids("busybox").size() + 1);
  CHECK(ecrin.diff_ids("two").front() == ecrin.diff_ids("busybox").front());
  CHECK(exported(ecrin, "two", ecrin.scratch() / "two") == tree);
  CHECK(ecrin.must({"diff", "layers", "one"}).empty());
  CHECK(ecrin.must({"diff", "layers", "two"}).empty());
  // A layer of one is what it was; the same by number.
  CHECK(ecrin.must({"squash", "one"}) == full_id(ecrin.inspect("one").at("Id")));
  CHECK(ecrin.must({"squash", "--from", "2", "layers"}) == full_id(ecrin.inspect("two").at("Id")));
  CHECK(one_error(ecrin({"squash", "--from", "9", "layers"})));
  CHECK(one_error(ecrin({"squash", "--from", "layers", "busybox"})));
}

TEST_CASE("archives become layers", "[any-driver]") {
  Ecrin ecrin;
  const std::string directory = ecrin.scratch() / "files";
  write_file(directory + "/added", "content\n");
  write_file(directory + "/etc/.wh.passwd", "");
  const auto tar = [&](const std::string& name, const std::string& how) {
    const Outcome made = run(host_command({"tar", "-C", directory, how, "-cf", ecrin.scratch() / name, "."}));
    INFO(made.description);
    REQUIRE(made.code == 0);
    return ecrin.scratch() / name;
  };
  const std::string plain = tar("plain.tar", "--sort=name");
  const std::string packed = tar("packed.tar.gz", "-z");
  const std::string zstd = tar("packed.tar.zst", "--zstd");
  ecrin.must({"append", "busybox", plain, "-t", "more"});
  CHECK(ecrin.in_container("more", {"cat", "/added"}) == "content\n");
  CHECK(ecrin({"run", "--rm", "more", "cat", "/etc/passwd"}).code == 1);
  CHECK(ecrin.diff_ids("more").size() == ecrin.diff_ids("busybox").size() + 1);
  ecrin.must({"append", "scratch", packed, zstd, "--platform", "linux/arm64", "-t", "fresh"});
  CHECK(ecrin.diff_ids("fresh").size() == 2);
  CHECK(ecrin.inspect("fresh").at("Architecture") == "arm64");
  ecrin.must({"save", "--format", "oci-dir", "-o", ecrin.scratch() / "layout", "fresh"});
  Ecrin other(Ecrin::Base::none);
  other.must({"load", "-i", ecrin.scratch() / "layout"});
  CHECK(other.inspect(ecrin.inspect("fresh").at("Id")).at("Digest") == ecrin.inspect("fresh").at("Digest"));

  const std::string before = ecrin.store_state();
  write_file(ecrin.scratch() / "text", "no archive");
  write_file(ecrin.scratch() / "cut", read_file(packed).substr(0, 60));
  for (const std::string wrong : {"text", "cut", "missing", "files"}) {
    const Outcome outcome = ecrin({"append", "busybox", ecrin.scratch() / wrong});
    INFO(outcome.description);
    CHECK(one_error(outcome));
  }
  CHECK(ecrin.store_state() == before);
}

TEST_CASE("an image runs on a patched base", "[any-driver]") {
  Bases bases;
  const Ecrin& ecrin = bases.ecrin;
  CHECK(contains(ecrin.must({"run", "--rm", "app"}), "old"));
  const Outcome rebased = ecrin({"rebase", "app", "--onto", "base:2", "-t", "app:2"});
  INFO(rebased.description);
  REQUIRE(rebased.code == 0);
  CHECK(contains(rebased.err, "localhost/base:1"));
  CHECK(contains(rebased.err, "/etc/both"));
  CHECK_FALSE(contains(rebased.err, "/lib/fix"));
  const std::string shown = ecrin.must({"run", "--rm", "app:2"});
  CHECK(contains(shown, "fixed"));
  CHECK(contains(shown, "mine"));
  CHECK(ecrin.in_container("app:2", {"cat", "/etc/both"}).starts_with("the image's"));
  const auto config = ecrin.inspect("app:2").at("Config");
  CHECK(config.at("Labels").at("version") == "two");
  CHECK(config.at("Labels").at("app") == "me");
  const auto layers = ecrin.diff_ids("app:2");
  const auto base = ecrin.diff_ids("base:2");
  CHECK(std::equal(base.begin(), base.end(), layers.begin()));
  // There and back again: the same layers and settings.
  ecrin.must({"rebase", "app:2", "--from", "base:2", "--onto", "base:1", "-t", "back"});
  CHECK(ecrin.must({"diff", "--config", "app", "back"}).empty());
  CHECK(ecrin.diff_ids("back") == ecrin.diff_ids("app"));
  CHECK(full_id(ecrin.inspect("back").at("Id")) == full_id(ecrin.inspect("app").at("Id")));
}

TEST_CASE("a rebase that cannot be right is refused", "[any-driver]") {
  Bases bases;
  const Ecrin& ecrin = bases.ecrin;
  const std::string before = ecrin.store_state();
  CHECK(one_error(ecrin({"rebase", "app", "--from", "base:2", "--onto", "base:1"})));
  CHECK(one_error(ecrin({"rebase", "app"})));
  CHECK(one_error(ecrin({"rebase", "app", "--onto", "nothing"})));
  const Outcome strict = ecrin({"rebase", "app", "--onto", "base:2", "--strict"});
  CHECK(strict.code == 125);
  CHECK(contains(strict.err, "1 path"));
  CHECK(ecrin.store_state() == before);
}

TEST_CASE("diff tells files and settings", "[any-driver]") {
  Bases bases;
  const Ecrin& ecrin = bases.ecrin;
  ecrin.build(
      "from: localhost/base:1\nsteps:\n  - run: chmod 600 /lib/fix && rm /etc/both && echo x > /new\n",
      {"-t", "changed"});
  CHECK(ecrin.must({"diff", "base:1", "changed", "--verbose"}) == "D /etc/both\nC /lib/fix (mode)\nA /new");
  CHECK(ecrin.must({"diff", "changed"}) == "D /etc/both\nC /lib/fix\nA /new");
  const auto json = ecrin.json({"image", "diff", "base:1", "base:2", "--format", "json"});
  CHECK(json.at("changed") == nlohmann::json{"/etc/both", "/lib/fix"});
  CHECK(json.at("details").at("/lib/fix") == nlohmann::json{"size", "content"});
  CHECK(ecrin.must({"diff", "--config", "base:1", "base:2"}) ==
        "C env BASE: one -> two\nC label version: one -> two");
  const auto settings = ecrin.json({"diff", "--config", "--format", "json", "base:1", "app"}).at("config");
  CHECK(settings.size() >= 3);
  CHECK(one_error(ecrin({"diff", "--config", "app"})));
}

// Indexes of images for several platforms, disk usage and what prune keeps.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <memory>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

// The same small image for a platform: nothing in it runs.
void build_for(const Ecrin& ecrin, const std::string& platform, const std::string& tag) {
  ecrin.build("from: scratch\nsteps:\n  - write: {dest: /platform, content: " + platform + "}\n",
              {"--platform", platform, "-t", tag});
}

std::string digest_of(const Ecrin& ecrin, const std::string& image) {
  return ecrin.inspect(image).at("Digest");
}

std::vector<std::string> names_listed(const Ecrin& ecrin, Arguments flags) {
  flags.insert(flags.begin(), {"images", "--format", "{{.Repository}}:{{.Tag}}"});
  return lines_of(ecrin.must(flags));
}

std::uint64_t du(const Ecrin& ecrin) {
  return std::stoull(run(host_command({"du", "-s", "-B1", ecrin.root()})).out);
}

}  // namespace

TEST_CASE("an index is made, changed, shown and removed", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  build_for(ecrin, "linux/amd64", "one:amd64");
  build_for(ecrin, "linux/arm64", "one:arm64");
  CHECK(ecrin({"manifest", "exists", "multi"}).code == 1);
  const std::string id = ecrin.must({"manifest", "create", "multi", "one:amd64"});
  CHECK(id.size() == 64);
  CHECK(ecrin({"manifest", "exists", "multi"}).code == 0);
  CHECK(ecrin({"manifest", "exists", "one:amd64"}).code == 1);
  CHECK(one_error(ecrin({"manifest", "create", "multi"})));
  ecrin.must({"manifest", "add", "multi", "one:arm64", "--variant", "v8", "--annotation", "a=b"});
  auto index = ecrin.json({"manifest", "inspect", "multi"});
  REQUIRE(index.at("manifests").size() == 2);
  CHECK(index.at("manifests")[0].at("platform").at("architecture") == "amd64");
  CHECK(index.at("manifests")[1].at("platform").at("variant") == "v8");
  CHECK(index.at("manifests")[1].at("annotations").at("a") == "b");
  CHECK(index.at("mediaType") == "application/vnd.oci.image.index.v1+json");

  // The name means the image for the platform that is asked for.
  CHECK(digest_of(ecrin, "one:arm64") ==
        ecrin.json({"inspect", "--platform", "linux/arm64", "multi"})[0].at("Digest"));
  const auto shown = ecrin.inspect("multi");
  CHECK(shown.at("ManifestType") == "application/vnd.oci.image.index.v1+json");
  CHECK(shown.at("Manifests")[0].at("present") == true);

  ecrin.must({"manifest", "annotate", "multi", "one:amd64", "--os-features", "x,y"});
  index = ecrin.json({"manifest", "inspect", "multi"});
  CHECK(index.at("manifests")[0].at("platform").at("os.features").size() == 2);
  ecrin.must({"manifest", "remove", "multi", digest_of(ecrin, "one:amd64")});
  CHECK(ecrin.json({"manifest", "inspect", "multi"}).at("manifests").size() == 1);
  CHECK(one_error(ecrin({"manifest", "remove", "multi", "one:amd64"})));
  CHECK(one_error(ecrin({"manifest", "add", "one:amd64", "one:arm64"})));
  ecrin.must({"manifest", "create", "--amend", "multi", "one:amd64"});
  CHECK(ecrin.json({"manifest", "inspect", "multi"}).at("manifests").size() == 2);
  ecrin.must({"manifest", "rm", "multi"});
  CHECK(ecrin({"manifest", "exists", "multi"}).code == 1);
  CHECK(ecrin({"exists", "one:arm64"}).code == 0);
}

TEST_CASE("an index is saved and loaded whole, and goes with what came with it", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  build_for(ecrin, "linux/amd64", "one:amd64");
  build_for(ecrin, "linux/arm64", "one:arm64");
  ecrin.must({"manifest", "create", "multi:1", "one:amd64", "one:arm64"});
  const std::string digest = digest_of(ecrin, "multi:1");
  for (const std::string format : {"oci-archive", "oci-dir"}) {
    INFO(format);
    const std::string file = ecrin.scratch() / format;
    ecrin.must({"save", "--format", format, "-o", file, "multi:1"});
    Ecrin other(Ecrin::Base::none);
    CHECK(contains(other.must({"load", "-i", file}), "localhost/multi:1"));
    CHECK(digest_of(other, "multi:1") == digest);
    CHECK(other.must({"manifest", "inspect", "multi:1"}) == ecrin.must({"manifest", "inspect", "multi:1"}));
    // The images that it lists are no images of their own.
    CHECK(names_listed(other, {}) == std::vector<std::string>{"localhost/multi:1"});
    CHECK(names_listed(other, {"--all"}).size() == 3);
    other.must({"prune", "-f"});
    CHECK(other.json({"inspect", "--platform", "linux/arm64", "multi:1"})[0].at("Architecture") == "arm64");
    const Outcome missing = other({"inspect", "--platform", "linux/s390x", "multi:1"});
    CHECK(one_error(missing));
    CHECK(contains(missing.err, "linux/amd64, linux/arm64"));
    other.must({"rmi", "multi:1"});
    CHECK(names_listed(other, {"--all"}).empty());
    CHECK(names_in(other.root() + "/blobs/sha256").empty());

    // Cut to one platform, by either side.
    other.must({"load", "--platform", "linux/arm64", "-i", file});
    CHECK(other.inspect("multi:1").at("Architecture") == "arm64");
  }
  ecrin.must({"save", "--platform", "linux/arm64", "-o", ecrin.scratch() / "cut", "multi:1"});
  Ecrin cut(Ecrin::Base::none);
  cut.must({"load", "-i", ecrin.scratch() / "cut"});
  CHECK(digest_of(cut, "multi:1") == digest_of(ecrin, "one:arm64"));
}

TEST_CASE("an index is a base and can be run", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"manifest", "create", "multi", "busybox"});
  CHECK(ecrin.in_container("multi", {"echo", "hi"}) == "hi\n");
  ecrin.build("from: localhost/multi\nsteps:\n  - run: echo x > /x\n", {"-t", "child"});
  CHECK(ecrin.in_container("child", {"cat", "/x"}) == "x\n");
}

TEST_CASE("many processes add to one index, and nothing is lost", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.must({"manifest", "create", "multi"});
  const std::vector<std::string> architectures = {"amd64", "arm64", "ppc64le", "s390x"};
  for (const std::string& architecture : architectures)
    build_for(ecrin, "linux/" + architecture, "one:" + architecture);
  {
    std::vector<std::unique_ptr<Running>> running;
    for (const std::string& architecture : architectures)
      running.push_back(
          std::make_unique<Running>(ecrin.invocation({"manifest", "add", "multi", "one:" + architecture})));
    for (const auto& process : running) {
      const Outcome outcome = process->wait();
      INFO(outcome.description);
      CHECK(outcome.code == 0);
    }
  }
  CHECK(ecrin.json({"manifest", "inspect", "multi"}).at("manifests").size() == architectures.size());
}

TEST_CASE("images are filtered and sorted as podman does it", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const std::string recipe =
      "from: scratch\nconfig:\n  labels: {tier: web}\nsteps:\n  - write: {dest: /x, content: ";
  ecrin.build(recipe + "aaaaaaaaaaaaaaaaaaaaaaaa}\n", {"-t", "b/big:1"});
  ecrin.build("from: scratch\nsteps:\n  - write: {dest: /x, content: b}\n", {"-t", "small:2"});
  ecrin.must({"tag", "small:2", "example.org/x/small:3"});
  using Names = std::vector<std::string>;
  CHECK(names_listed(ecrin, {"--filter", "reference=big"}) == Names{"localhost/b/big:1"});
  CHECK(names_listed(ecrin, {"-f", "reference=*:3"}).size() == 2);  // with all names of the image
  CHECK(names_listed(ecrin, {"small:3"}) == Names{"example.org/x/small:3"});
  CHECK(names_listed(ecrin, {"--filter", "label=tier=web"}) == Names{"localhost/b/big:1"});
  CHECK(names_listed(ecrin, {"--filter", "label!=tier"}).size() == 2);
  CHECK(names_listed(ecrin, {"--filter", "dangling=true"}).empty());
  CHECK(names_listed(ecrin, {"--filter", "until=1h"}).size() == 3);
  CHECK(names_listed(ecrin, {"--filter", "since=small:2"}).empty());
  CHECK(names_listed(ecrin, {"--filter", "id=" + full_id(ecrin.inspect("small:2").at("Id")).substr(7, 12)})
            .size() == 2);
  CHECK(names_listed(ecrin, {"--filter", "digest=" + digest_of(ecrin, "b/big:1")}) ==
        Names{"localhost/b/big:1"});
  CHECK(names_listed(ecrin, {"--sort", "tag"}) ==
        Names{"localhost/b/big:1", "localhost/small:2", "example.org/x/small:3"});
  CHECK(names_listed(ecrin, {"--sort", "repository"}).front() == "example.org/x/small:3");
  CHECK(one_error(ecrin({"images", "--filter", "before=nothing"})));
  ecrin.build(recipe + "c}\n", {"-t", "small:2"});
  ecrin.must({"untag", "example.org/x/small:3"});
  CHECK(ecrin.json({"images", "--filter", "dangling=true", "--format", "json"}).size() == 1);
  const std::string tree = ecrin.must({"images", "--tree"});
  CHECK(contains(tree, "localhost/b/big:1"));
  CHECK(contains(tree, "3 images, 3 layers"));
}

TEST_CASE("inspect has podman's keys", "[any-driver]") {
  Ecrin ecrin;
  const auto image = ecrin.inspect("busybox");
  for (const char* key :
       {"Id",           "Digest",      "RepoTags",    "RepoDigests", "Parent",       "Comment",
        "Created",      "Config",      "Version",     "Author",      "Architecture", "Os",
        "Size",         "VirtualSize", "GraphDriver", "RootFS",      "Labels",       "Annotations",
        "ManifestType", "User",        "History",     "NamesHistory"}) {
    CAPTURE(key);
    CHECK(image.contains(key));
  }
  CHECK(image.at("GraphDriver").at("Data").is_null());
  ecrin.in_container("busybox", {"true"});
  CHECK(exists(ecrin.inspect("busybox").at("GraphDriver").at("Data").at("UpperDir")));
}

TEST_CASE("df adds up to what du says", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: head -c 300000 /dev/urandom > /x && chown 1:1 /x\n",
              {"-t", "one"});
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: echo two > /x\n", {"-t", "two"});
  write_file(ecrin.root() + "/downloads/sha256-" + std::string(64, 'a'), std::string(20000, 'x'));
  ecrin.must({"df"});  // tables of the database are made when they are first needed
  const auto usage = ecrin.json({"df", "-v", "--format", "json"});
  std::uint64_t sum = 0;
  for (const auto& place : usage.at("Places")) sum += place.at("RawSize").get<std::uint64_t>();
  CHECK(sum == usage.at("Total").get<std::uint64_t>());
  // Some directories of layers are closed to us outside of the namespace, but not these.
  CHECK(sum == du(ecrin));
  const auto place = [&](const std::string& name) {
    for (const auto& one : usage.at("Places"))
      if (one.at("Type") == name) return one;
    return nlohmann::json();
  };
  CHECK(place("layers").at("Total") == 3);
  CHECK(place("layers").at("RawShared").get<std::uint64_t>() > 0);
  CHECK(place("downloads").at("RawReclaimable").get<std::uint64_t>() >= 20000);
  for (const auto& image : usage.at("Images")) CHECK(image.at("SharedSize").get<std::uint64_t>() > 0);
  CHECK(contains(ecrin.must({"df", "-v"}), "localhost/two:latest"));
}

TEST_CASE("prune frees what df called reclaimable", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: head -c 300000 /dev/urandom > /x\n", {"-t", "one"});
  ecrin.must({"rmi", "one"});
  const auto reclaimable = [&] {
    const auto usage = ecrin.json({"df", "-v", "--format", "json"});
    std::uint64_t bytes = 0;
    for (const auto& place : usage.at("Places")) bytes += place.at("RawReclaimable").get<std::uint64_t>();
    return bytes;
  };
  CHECK(reclaimable() > 300000);
  const std::uint64_t before = du(ecrin);
  ecrin.must({"prune", "-f"});
  CHECK(reclaimable() == 0);
  // The database may have grown by a page or two.
  CHECK(du(ecrin) + 200000 < before);
}

TEST_CASE("prune keeps what its policies say", "[any-driver]") {
  Ecrin ecrin;
  const auto build = [&](const std::string& tag, const std::string& label) {
    ecrin.build("from: localhost/busybox\nsteps:\n  - run: head -c 100000 /dev/urandom > /x; echo " + tag +
                    "\nconfig:\n  labels: {keep: '" + label + "'}\n",
                {"-t", tag});
  };
  build("one", "yes");
  build("two", "no");
  const auto layers = [&] { return names_in(ecrin.root() + "/layers").size(); };
  const auto images = [&] { return ecrin.json({"images", "--format", "json"}).size(); };
  REQUIRE(layers() == 3);
  SECTION("nothing is older than an hour") {
    ecrin.must({"prune", "-f", "-a", "--filter", "until=1h"});
    CHECK(images() == 3);
    CHECK(layers() == 3);
  }
  SECTION("by label, images only") {
    ecrin.must({"prune", "-f", "-a", "--filter", "label=keep=no"});
    CHECK(images() == 2);
    CHECK(ecrin({"exists", "two"}).code == 1);
    CHECK(layers() == 3);
  }
  SECTION("cache that was used lately") {
    ecrin.must({"rmi", "-a"});
    ecrin.must({"prune", "-f", "--keep", "1h"});
    CHECK(layers() == 2);
    ecrin.must({"prune", "-f"});
    CHECK(layers() == 0);
  }
  SECTION("a size of cache") {
    ecrin.must({"rmi", "-a"});
    ecrin.must({"prune", "-f", "--keep-storage", "150k"});
    CHECK(layers() == 1);
    ecrin.must({"prune", "-f", "--keep-storage", "1g"});
    CHECK(layers() == 1);
  }
  SECTION("a size of the store") {
    ecrin.must({"rmi", "-a"});
    ecrin.must({"prune", "-f", "--max-size", "1g"});
    CHECK(layers() == 2);
    ecrin.must({"prune", "-f", "--max-size", "1k"});
    CHECK(layers() == 0);
  }
  CHECK(one_error(ecrin({"prune", "-f", "--filter", "color=red"})));
  CHECK(one_error(ecrin({"prune", "-f", "--keep", "long"})));
}

TEST_CASE("prune removes parts of downloads that nobody goes on with", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.must({"images"});
  const std::string dead = ecrin.root() + "/downloads/sha256-" + std::string(64, 'a');
  const std::string live = ecrin.root() + "/downloads/sha256-" + std::string(64, 'b');
  write_file(dead, "part");
  write_file(live, "part");
  const int file = ::open(live.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::flock(file, LOCK_EX) == 0);
  ecrin.must({"prune", "-f"});
  CHECK_FALSE(exists(dead));
  CHECK(exists(live));
  ::close(file);
  ecrin.must({"prune", "-f"});
  CHECK_FALSE(exists(live));
}

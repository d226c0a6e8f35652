// Cache mounts and shared caches: how a cache directory begins, and how it leaves.
#include <unistd.h>

#include <thread>

#include "base/posix.hpp"
#include "build/cache_mount.hpp"
#include "build/layer_hasher.hpp"
#include "build/run_mounts.hpp"
#include "build/shared_build.hpp"
#include "fs/changeset.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/shared_fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::build::testing;

namespace {

std::string tar_of(const std::string& directory) {
  StringSink sink;
  REQUIRE(fs::write_layer(open_directory(directory), sink));
  return std::move(sink.bytes());
}

/// Puts the content of a cache mount into the cache, as another machine would have done.
oci::Digest put_mount(MemoryPlace& cache, const std::string& id, std::string tar, std::string blob) {
  SharedMount mount{.id = id, .diff_id = {oci::Digest::of(tar)}, .size = tar.size(), .blob = {}};
  mount.blob = {.media_type = std::string(oci::media_type::k_layer),
                .digest = oci::Digest::of(blob),
                .size = blob.size()};
  cache.blobs[mount.blob.digest] = std::move(blob);
  SharedRows rows;
  rows.mounts.push_back(mount);
  cache.write(rows);
  return mount.blob.digest;
}

recipes::Mount cache_mount(recipes::Mount::Sharing sharing = recipes::Mount::Sharing::shared) {
  recipes::Mount mount;
  mount.type = recipes::Mount::Type::cache;
  mount.target = "/store";
  mount.id = "things";
  mount.uid = ::getuid();
  mount.gid = ::getgid();
  mount.sharing = sharing;
  return mount;
}

/// A build that has come to a step with a cache mount.
struct Running {
  explicit Running(Machine& machine)
      : session(*machine.workshop, recipe, machine.options, cancel),
        cache(open_cache(machine)),
        hasher(machine.workshop->layers(), *cache, 1),
        shared(session, hasher, [this](const std::string& note) { notes.push_back(note); }) {
    step.before = std::make_shared<const oci::ImageConfig>();
    REQUIRE(shared.read());
    session.shared = &shared;
  }
  static std::unique_ptr<BuildCache> open_cache(Machine& machine) {
    auto cache = BuildCache::open(machine.workshop->store().database(), machine.workshop->layers());
    REQUIRE(cache);
    return std::move(*cache);
  }
  Result<std::string> mount(const recipes::Mount& wanted = cache_mount()) {
    mounts.push_back(std::make_unique<RunMounts>(session, scope));
    TRY(mounts.back()->lock_caches({wanted}));
    TRY(mounts.back()->add(wanted, 0));
    return mounts.back()->mounts().front().source;
  }

  recipes::Recipe recipe;
  CancelToken cancel;
  Session session;
  std::unique_ptr<BuildCache> cache;
  LayerHasher hasher;
  Words notes;
  SharedBuild shared;
  PreparedStep step;
  LayerChain below;
  StepFailure failure;
  StepScope scope{.step = step,
                  .below = below,
                  .chain_of = [this](std::size_t) { return below; },
                  .output = [](std::string_view) {},
                  .note = [this](const std::string& note) { notes.push_back(note); },
                  .stop = cancel,
                  .failure = failure};
  std::vector<std::unique_ptr<RunMounts>> mounts;
};

/// What the cache of cache_mount() is called: whose it is belongs to it.
std::string things() {
  return cache_mount_id(oci::ImageConfig(), cache_mount());
}

/// Where its directory lies.
std::string data_of(const Machine& machine) {
  return machine.workshop->store().path() + "/" + cache_directory(things()) + "/data";
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

struct Shared {
  TemporaryDirectory scratch;
  MemoryPlace cache;
  Machine machine;
  std::string tar;
  Shared() {
    const std::string content = scratch.path() + "/content";
    write_file(content + "/one", std::string(100'000, '1'));
    write_file(content + "/two", "2");
    tar = tar_of(content);
    machine.options.cache_from = {cache.place()};
  }
};

}  // namespace

TEST_CASE("a new cache directory begins with what a shared cache has, and nobody sees half of it") {
  Shared shared;
  put_mount(shared.cache, things(), shared.tar, shared.tar);
  int asked = 0;
  shared.cache.change_layer = [&](std::string bytes, const CancelToken*) -> std::unique_ptr<Source> {
    ++asked;
    CHECK_FALSE(exists(data_of(shared.machine)));
    return std::make_unique<MemorySource>(std::move(bytes));
  };
  Running build(shared.machine);
  REQUIRE(build.mount());
  CHECK(read_file(data_of(shared.machine) + "/two") == "2");
  // Once.
  write_file(data_of(shared.machine) + "/two", "changed");
  REQUIRE(build.mount());
  CHECK(read_file(data_of(shared.machine) + "/two") == "changed");
  CHECK(asked == 1);
}

TEST_CASE("a cache directory that stands already is never filled, emptied or written over") {
  Shared shared;
  // Its second half is not there.
  put_mount(shared.cache, things(), shared.tar, shared.tar.substr(0, shared.tar.size() - 4096));
  shared.cache.change_layer = [&](std::string bytes, const CancelToken*) -> std::unique_ptr<Source> {
    // Another step of this machine was faster.
    write_file(data_of(shared.machine) + "/theirs", "theirs");
    return std::make_unique<MemorySource>(std::move(bytes));
  };
  Running build(shared.machine);
  REQUIRE(build.mount());
  CHECK(read_file(data_of(shared.machine) + "/theirs") == "theirs");
  CHECK_FALSE(exists(data_of(shared.machine) + "/one"));
  REQUIRE(build.notes.size() == 1);
  CHECK(build.notes.front().contains("is not used"));
}

TEST_CASE("a cache mount that cannot be had leaves an empty directory") {
  Shared shared;
  put_mount(shared.cache, things(), shared.tar, shared.tar.substr(0, shared.tar.size() - 4096));
  Running build(shared.machine);
  REQUIRE(build.mount());
  CHECK(exists(data_of(shared.machine)));
  CHECK_FALSE(exists(data_of(shared.machine) + "/one"));
  CHECK(build.notes.size() == 1);
  // A build that is stopped leaves none: the next one begins anew.
  Shared stopped;
  put_mount(stopped.cache, things(), stopped.tar, stopped.tar);
  Running other(stopped.machine);
  stopped.cache.change_layer = [&](std::string bytes, const CancelToken*) -> std::unique_ptr<Source> {
    other.cancel.cancel();
    return std::make_unique<MemorySource>(std::move(bytes));
  };
  const auto refused = other.mount();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::cancelled);
  CHECK_FALSE(exists(data_of(stopped.machine)));
}

TEST_CASE("without shared caches a cache mount takes no lock") {
  Machine machine;
  Running build(machine);
  REQUIRE(build.mount());
  const auto names = posix::list_directory(open_directory(data_of(machine) + "/.."));
  REQUIRE(names);
  CHECK(names->size() == 1);
}

TEST_CASE("a cache mount that holds a secret stays at home") {
  recipes::Mount secret;
  secret.type = recipes::Mount::Type::secret;
  secret.id = "token";
  secret.required = false;
  recipes::Step step = script("slow a");
  std::get<recipes::RunStep>(step.kind).mounts = {cache_mount(), secret};
  const recipes::Recipe recipe = single({step});
  MemoryPlace cache;
  Machine machine;
  CacheTarget target = cache.target();
  target.mounts = true;
  machine.options.cache_to = {target};
  machine.options.secrets = {{.id = "token", .file = "", .value = "s3cret-value\n"}};
  write_file(data_of(machine) + "/deep/file", "left by a build of old: s3cret-value");
  const auto exported = [&] {
    const auto source = cache.place().open_source(nullptr);
    REQUIRE(source);
    const auto document = read_shared_cache(**source, nullptr, nullptr);
    REQUIRE(document);
    return document->rows.mounts.size();
  };
  const Built refused = machine.build(recipe);
  REQUIRE(refused.result);
  CHECK_FALSE(refused.result->cache_failure);
  CHECK(has_note(refused, "the cache mount 'things' is not exported: '/deep/file'"));
  CHECK(exported() == 0);
  // Nor does it leave when nobody can look for it.
  machine.options.secrets.clear();
  const Built unknown = machine.build(recipe);
  REQUIRE(unknown.result);
  CHECK(unknown.ran.empty());
  CHECK(has_note(unknown, "nobody gave the secret 'token'"));
  CHECK(exported() == 0);
  // Another secret is no reason to keep it.
  machine.options.secrets = {{.id = "token", .file = "", .value = "something-else"}};
  const Built other = machine.build(recipe);
  REQUIRE(other.result);
  CHECK(exported() == 1);
}

TEST_CASE("a cache mount that stays as it is was used all the same") {
  recipes::Step step = script("slow a");
  std::get<recipes::RunStep>(step.kind).mounts = {cache_mount()};
  const recipes::Recipe recipe = single({step});
  MemoryPlace cache;
  Machine machine;
  CacheTarget target = cache.target();
  target.mounts = true;
  machine.options.cache_to = {target};
  write_file(data_of(machine) + "/file", "content");
  const auto mount = [&] {
    REQUIRE(machine.build(recipe).result);
    const auto document = read_shared_cache(*cache.place().open_source(nullptr).value(), nullptr, nullptr);
    REQUIRE(document);
    REQUIRE(document->rows.mounts.size() == 1);
    return document->rows.mounts.front();
  };
  const SharedMount first = mount();
  machine.options.now += 3 * 86'400;
  const SharedMount later = mount();
  CHECK(later.used == first.used + 3);
  CHECK(later.blob == first.blob);
  const int written = cache.written;
  CHECK(mount().used == later.used);
  CHECK(cache.written == written);
}

TEST_CASE("a step that waits for a cache says so") {
  Machine machine;
  Running build(machine);
  REQUIRE(build.mount(cache_mount(recipes::Mount::Sharing::locked)));
  Running other(machine);
  other.scope.note = [&](const std::string& note) {
    other.notes.push_back(note);
    build.mounts.clear();
  };
  REQUIRE(other.mount(cache_mount(recipes::Mount::Sharing::locked)));
  REQUIRE(other.notes.size() == 1);
  CHECK(other.notes.front() == "waiting for the cache '" + things() + "': another step has it to itself");
}

#include "base/store.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <thread>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using Strings = std::vector<std::string>;

namespace {

// A process of its own that does `work` on the store and then lives until it is killed.
class OtherProcess {
public:
  OtherProcess(const std::string& root, const std::function<bool(Store&)>& work) {
    Pipe pipe = Pipe::create().value();
    m_pid = ::fork();
    if (m_pid == 0) {
      auto store = Store::open(root);
      const bool good = store && work(**store);
      (void)posix::write_full(pipe.write, good ? "y" : "n");
      ::pause();
      ::_exit(0);
    }
    pipe.write.reset();
    std::array<std::byte, 1> answer = {};
    REQUIRE(posix::read_full(pipe.read, answer));
    REQUIRE(answer[0] == std::byte{'y'});
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() { kill(); }
  void kill() {
    if (m_pid <= 0) return;
    ::kill(m_pid, SIGKILL);
    ::waitpid(m_pid, nullptr, 0);
    m_pid = -1;
  }

private:
  pid_t m_pid = -1;
};

Strings names_in(const std::string& path) {
  Strings names;
  const auto entries = posix::list_directory(posix::open(path, O_PATH).value()).value();
  for (const auto& entry : entries) names.push_back(entry.name);
  return names;
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

TEST_CASE("store: opening makes what is missing, private to the user") {
  const test::TempDirectory directory;
  const std::string root = directory.path("a/b/store");
  const auto store = Store::open(root).value();
  CHECK(store->path() == root);
  for (const char* name : {"a/b/store", "a/b/store/tmp"}) {
    CHECK((posix::lstat_at(directory.fd(), name).value().st_mode & 07777) == 0700);
  }
  CHECK(posix::exists_at(store->directory(), "db.sqlite").value() == posix::Exists::yes);
}

TEST_CASE("store: the root of the file system is no store, and stays as it is") {
  const auto has_database = [] {
    return posix::exists_at(posix::open("/", O_RDONLY | O_DIRECTORY).value(), "db.sqlite").value();
  };
  const auto before = has_database();
  for (const char* root : {"/", "//", "/.", "/proc/self/root"}) {
    const auto store = Store::open(root);
    REQUIRE(!store);
    CHECK(store.error().message().contains("directory of its own"));
    CHECK(store.error().hint_text().contains("--root"));
  }
  CHECK(has_database() == before);
}

TEST_CASE("store: a root that cannot be used is refused with a hint") {
  const test::TempDirectory directory;
  REQUIRE(posix::open_at(directory.fd(), "file", O_WRONLY | O_CREAT, 0644));
  for (const std::string& root :
       {directory.path("file"), directory.path("file/x"), std::string("/proc/store")}) {
    const auto store = Store::open(root);
    REQUIRE(!store);
    INFO(store.error().message());
    CHECK(store.error().trace().size() == 1);
    if (root != "/proc/store") CHECK(store.error().hint_text().contains("--root"));
  }
}

TEST_CASE("store: the reserve is there except while space is freed") {
  const test::TempDirectory directory;
  const auto blocks = [&] {
    const auto status = posix::lstat_at(directory.fd(), "reserve");
    return status ? status->st_blocks : 0;
  };
  const auto spare = [&] { return posix::exists_at(directory.fd(), "spare").value(); };
  REQUIRE(Store::open(directory.path()));
  CHECK(blocks() >= 2048);
  CHECK(spare() == posix::Exists::yes);
  {
    const auto freeing = Store::open(directory.path(), Store::Purpose::freeing).value();
    CHECK(blocks() == 0);
    CHECK(spare() == posix::Exists::no);
  }
  CHECK(spare() == posix::Exists::yes);
  // At once, or a disk that fills up after this prune could never be pruned again.
  CHECK(blocks() >= 2048);
  // Also when a process was killed before it was of full size.
  REQUIRE(posix::open_at(directory.fd(), "reserve", O_WRONLY | O_CREAT | O_TRUNC, 0600));
  REQUIRE(Store::open(directory.path()));
  CHECK(blocks() >= 2048);
}

TEST_CASE("store: subdirectories are made once, private") {
  const test::TempDirectory directory;
  const auto store = Store::open(directory.path()).value();
  for (int i = 0; i < 2; ++i) {
    const Fd blobs = store->subdirectory("blobs/sha256").value();
    CHECK((posix::stat_fd(blobs).value().st_mode & 07777) == 0700);
  }
  CHECK(names_in(directory.path("blobs")) == Strings{"sha256"});
  CHECK(!store->subdirectory("db.sqlite/x"));
}

TEST_CASE("store: a process's temporary directory is its own and goes with it") {
  const test::TempDirectory directory;
  std::string path;
  {
    const auto first = Store::open(directory.path()).value();
    const auto second = Store::open(directory.path()).value();
    path = first->temporary_path();
    CHECK(path.starts_with(directory.path() + "/tmp/"));
    CHECK(first->temporary_path() == path);
    CHECK(second->temporary_path() != path);
    const Fd fd = first->temporary().value();
    CHECK(posix::stat_fd(fd).value().st_ino == posix::lstat_at(Fd(AT_FDCWD), path).value().st_ino);
    CHECK(names_in(directory.path("tmp")).size() == 4);
  }
  CHECK(names_in(directory.path("tmp")).empty());
}

TEST_CASE("store: what is left in the temporary directory is garbage for prune") {
  const test::TempDirectory directory;
  std::string lease;
  {
    const auto store = Store::open(directory.path()).value();
    lease = base_name(store->temporary_path());
    REQUIRE(posix::mkdir_at(store->temporary().value(), "work", 0755));
  }
  const auto store = Store::open(directory.path()).value();
  CHECK(store->dead_leases().value() == Strings{lease});
  // Still there until somebody removes the tree.
  CHECK(store->dead_leases().value() == Strings{lease});
  REQUIRE(posix::unlink_at(store->subdirectory("tmp/" + lease).value(), "work", AT_REMOVEDIR));
  REQUIRE(posix::unlink_at(store->subdirectory("tmp").value(), lease, AT_REMOVEDIR));
  CHECK(store->dead_leases().value().empty());
  CHECK(names_in(directory.path("tmp")).size() == 1);  // our own lock file
}

TEST_CASE("store: unique names") {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = Store::unique_name();
    CHECK(name.size() == 26);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string::npos);
    names.insert(name);
  }
  CHECK(names.size() == 1000);
}

TEST_CASE("store: holds of live stores are seen by all, and end with them") {
  const test::TempDirectory directory;
  const auto first = Store::open(directory.path()).value();
  {
    const auto second = Store::open(directory.path()).value();
    REQUIRE(first->hold("layer", "a"));
    REQUIRE(first->hold("layer", "a"));
    REQUIRE(second->hold("layer", "a"));
    REQUIRE(second->hold("layer", "b"));
    REQUIRE(second->hold("blob", "c"));
    CHECK(first->dead_leases().value().empty());
    CHECK(first->held("layer").value() == Strings{"a", "b"});
    CHECK(first->held("blob").value() == Strings{"c"});
    CHECK(second->held("other").value().empty());
  }
  CHECK(first->held("layer").value() == Strings{"a"});
  CHECK(first->held("blob").value().empty());
}

TEST_CASE("store: a process that is killed no longer holds anything") {
  const test::TempDirectory directory;
  std::string lease;
  OtherProcess other(directory.path(), [](Store& store) {
    const auto temporary = store.temporary();
    return store.hold("layer", "theirs") && temporary && posix::mkdir_at(*temporary, "work", 0755);
  });
  const auto store = Store::open(directory.path()).value();
  REQUIRE(store->hold("layer", "ours"));
  CHECK(store->dead_leases().value().empty());
  CHECK(store->held("layer").value() == Strings{"ours", "theirs"});
  other.kill();
  const Strings dead = store->dead_leases().value();
  REQUIRE(dead.size() == 1);
  CHECK(names_in(directory.path("tmp/" + dead[0])) == Strings{"work"});
  CHECK(store->held("layer").value() == Strings{"ours"});
}

TEST_CASE("store: prune's calls work inside its transaction") {
  const test::TempDirectory directory;
  OtherProcess other(directory.path(),
                     [](Store& store) { return store.hold("layer", "theirs").has_value(); });
  other.kill();
  const auto store = Store::open(directory.path()).value();
  {
    auto transaction = store->database().begin().value();
    REQUIRE(store->hold("layer", "ours"));
    CHECK(store->dead_leases().value().empty());  // it had no tree
    CHECK(store->held("layer").value() == Strings{"ours"});
    REQUIRE(transaction.commit());
  }
  CHECK(names_in(directory.path("tmp")).size() == 1);
  CHECK(store->held("layer").value() == Strings{"ours"});
}

TEST_CASE("store: debris of other shapes is found too") {
  const test::TempDirectory directory;
  const auto store = Store::open(directory.path()).value();
  const Fd tmp = store->subdirectory("tmp").value();
  REQUIRE(posix::mkdir_at(tmp, "tree-without-lock", 0700));
  REQUIRE(posix::open_at(tmp, "without-tree.lock", O_WRONLY | O_CREAT, 0600));
  REQUIRE(posix::open_at(tmp, "dead.new", O_WRONLY | O_CREAT, 0600));
  const FileLock alive = FileLock::acquire(posix::open_at(tmp, "alive.new", O_WRONLY | O_CREAT, 0600).value(),
                                           FileLock::Mode::exclusive)
                             .value();
  REQUIRE(store->database().execute("INSERT INTO holds VALUES('gone', 'layer', 'x')"));
  CHECK(store->dead_leases().value() == Strings{"tree-without-lock"});
  CHECK(store->held("layer").value().empty());
  const Strings names = names_in(directory.path("tmp"));
  CHECK(names.size() == 3);  // our lock, alive.new, the tree
  CHECK(posix::exists_at(tmp, "without-tree.lock").value() == posix::Exists::no);
  CHECK(posix::exists_at(tmp, "dead.new").value() == posix::Exists::no);
  CHECK(posix::exists_at(tmp, "alive.new").value() == posix::Exists::yes);
}

TEST_CASE("store: many processes may make it at once, while another looks for the dead") {
  const test::TempDirectory directory;
  const std::string root = directory.path("store");
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      // Each holds something, looks for dead leases (there are none) and must still hold it.
      bool good = true;
      for (int round = 0; round < 5 && good; ++round) {
        auto store = Store::open(root);
        const std::string key = Store::unique_name();
        good = store && (*store)->hold("key", key) && (*store)->temporary() && (*store)->dead_leases();
        const auto held = good ? (*store)->held("key") : Result<Strings>();
        good = good && held && std::ranges::find(*held, key) != held->end();
      }
      ::_exit(good ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    CHECK(status == 0);
  }
  const auto store = Store::open(root).value();
  CHECK(store->dead_leases().value().empty());
  CHECK(names_in(root + "/tmp").size() == 1);
}

TEST_CASE("store: threads share it") {
  const test::TempDirectory directory;
  const auto store = Store::open(directory.path()).value();
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        const bool good = store->temporary() && store->hold("key", std::to_string(i * 100 + round)) &&
                          store->held("key") && store->dead_leases();
        if (!good) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(store->held("key").value().size() == 80);
}

// A container by hand, for engineers: run as an ordinary user, after making any static busybox reachable.
//   run_trial "[namespaces]"            (BusyBox is taken from /bin/busybox)
// The functional tests do the same through the finished program.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "run/container.hpp"
#include "run/user_namespace.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

struct Outcome {
  ExitStatus status;
  std::string output;
  std::vector<std::string> created;
};

bool enter_once() {
  static const bool entered = [] {
    if (::getuid() == 0 || ::access("/bin/busybox", X_OK) != 0) return false;
    return enter_user_namespace(identity_request().value()).has_value();
  }();
  if (!entered) WARN("skipped: needs an ordinary user, user namespaces and /bin/busybox");
  return entered;
}

const std::string& root_directory() {
  static const std::string path = [] {
    char pattern[] = "/tmp/ecrin-trial-XXXXXX";
    const std::string root = ::mkdtemp(pattern);
    REQUIRE(posix::make_directories(root + "/bin", 0755));
    const Fd from = posix::open("/bin/busybox", O_RDONLY).value();
    const Fd to = posix::open(root + "/bin/busybox", O_CREAT | O_WRONLY, 0755).value();
    const auto size = static_cast<std::uint64_t>(posix::stat_fd(from)->st_size);
    REQUIRE(posix::copy_file_data(from, to, size));
    for (const char* name : {"sh", "id", "ls", "cat", "hostname", "sleep", "grep", "mount", "tty"})
      REQUIRE(::symlink("busybox", (root + "/bin/" + name).c_str()) == 0);
    return root;
  }();
  return path;
}

ContainerOptions options_for(const std::string& script) {
  ContainerOptions options;
  options.config = oci::default_runtime_config(oci::ImageConfig());
  options.config.process.args = {"sh", "-c", script};
  options.config.hostname = "trial";
  options.rootfs = root_directory();
  return options;
}

Outcome run_container(ContainerOptions options) {
  Pipe output = Pipe::create().value();
  options.stdio.output = std::move(output.write);
  auto container = Container::start(std::move(options));
  INFO((container ? "" : container.error().message()));
  REQUIRE(container);
  Outcome outcome{.output = posix::read_fd(output.read).value()};
  outcome.status = container->wait().value();
  outcome.created = container->created_mount_points();
  return outcome;
}

}  // namespace

TEST_CASE("a container is isolated", "[namespaces]") {
  if (!enter_once()) return;
  CHECK(run_container(options_for("id -u; hostname")).output == "0\ntrial\n");
  CHECK(run_container(options_for("exit 42")).status.shell_code() == 42);
  CHECK(run_container(options_for("kill -9 $$")).status.shell_code() == 137);
  // 0, 1, 2 and the one that reads the directory.
  CHECK(run_container(options_for("ls /proc/self/fd")).output == "0\n1\n2\n3\n");
  CHECK(run_container(options_for("cat /proc/kcore /proc/keys")).output.empty());
  CHECK(run_container(options_for("echo x > /proc/sys/kernel/hostname")).status.code != 0);
  CHECK(run_container(options_for("grep -c NoNewPrivs:.1 /proc/self/status")).output == "1\n");
}

TEST_CASE("made mount points are told once", "[namespaces]") {
  if (!enter_once()) return;
  ContainerOptions options = options_for("cat /some/where/file");
  options.managed_files = {{"/some/where/file", "content\n"}};
  const Outcome outcome = run_container(std::move(options));
  CHECK(outcome.output == "content\n");
  CHECK(std::vector<std::string>(outcome.created.end() - 3, outcome.created.end()) ==
        std::vector<std::string>{"some", "some/where", "some/where/file"});
}

TEST_CASE("a program that is not there is an error of its own kind", "[namespaces]") {
  if (!enter_once()) return;
  ContainerOptions missing = options_for("");
  missing.config.process.args = {"nope"};
  CHECK(Container::start(std::move(missing)).error().kind() == ErrorKind::program_not_found);
  ContainerOptions directory = options_for("");
  directory.config.process.args = {"/bin"};
  CHECK(Container::start(std::move(directory)).error().kind() == ErrorKind::program_not_executable);
  ContainerOptions no_source = options_for("");
  no_source.config.mounts.push_back({"/mnt", "bind", "/does/not/exist", {"rbind"}});
  CHECK(Container::start(std::move(no_source)).error().kind() == ErrorKind::not_found);
}

TEST_CASE("signals reach the program", "[namespaces]") {
  if (!enter_once()) return;
  ContainerOptions options = options_for("trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done");
  Pipe output = Pipe::create().value();
  options.stdio.output = std::move(output.write);
  auto container = Container::start(std::move(options));
  REQUIRE(container);
  std::byte letter{};
  REQUIRE(posix::read_some(output.read, {&letter, 1}).value() == 1);
  REQUIRE(container->signal(SIGTERM));
  CHECK(container->wait()->code == 5);
}

TEST_CASE("a container has a terminal", "[namespaces]") {
  if (!enter_once()) return;
  ContainerOptions options = options_for("tty; exit 3");
  options.config.process.terminal = true;
  auto container = Container::start(std::move(options));
  REQUIRE(container);
  REQUIRE(container->terminal());
  CHECK(container->wait()->code == 3);
  std::array<std::byte, 64> buffer{};
  const std::size_t size = posix::read_some(container->terminal(), buffer).value();
  CHECK(std::string(reinterpret_cast<const char*>(buffer.data()), size) == "/dev/pts/0\r\n");
}

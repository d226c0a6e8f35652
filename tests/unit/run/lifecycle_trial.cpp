// Containers of the OCI runtime by hand: created, started, entered. Run as root and as an ordinary user:
//   run_trial "[lifecycle]"             (BusyBox is taken from /bin/busybox)
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/unix_socket.hpp"
#include "run/container.hpp"
#include "run/exec.hpp"
#include "run/gate.hpp"
#include "run/message_socket.hpp"
#include "run/user_namespace_maps.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

// Does a stage wait there? Asks without starting it.
bool waits_at(const Fd& state_directory) {
  return connect_unix_socket(state_directory, k_gate_name, SocketKind::packets).has_value();
}

std::string make_directory(const char* pattern) {
  std::string path = pattern;
  REQUIRE(::mkdtemp(path.data()));
  REQUIRE(::chmod(path.c_str(), 0711) == 0);
  return path;
}

const std::string& bundle_root() {
  static const std::string path = [] {
    const std::string root = make_directory("/tmp/ecrin-lifecycle-XXXXXX");
    for (const char* name : {"/bin", "/proc", "/dev", "/sys", "/tmp"})
      REQUIRE(posix::make_directories(root + name, 0755));
    const Fd from = posix::open("/bin/busybox", O_RDONLY).value();
    const Fd to = posix::open(root + "/bin/busybox", O_CREAT | O_WRONLY, 0755).value();
    REQUIRE(posix::copy_file_data(from, to, static_cast<std::uint64_t>(posix::stat_fd(from)->st_size)));
    for (const char* name : {"sh", "id", "ls", "cat", "hostname", "sleep", "grep", "tty", "date", "readlink",
                             "stat", "kill", "echo", "uname"})
      REQUIRE(::symlink("busybox", (root + "/bin/" + name).c_str()) == 0);
    return root;
  }();
  return path;
}

bool is_root() {
  return ::getuid() == 0;
}

oci::RuntimeConfig config_for(const std::string& script) {
  oci::RuntimeConfig config = oci::default_runtime_config(oci::ImageConfig());
  config.process.args = {"sh", "-c", script};
  config.process.env = {"PATH=/bin"};
  if (is_root()) return config;
  config.namespaces.emplace_back(oci::Namespace::user);
  const MapChoice maps = choose_maps(identity_request().value(), ::getuid(), ::getgid());
  INFO(maps.problem);
  REQUIRE(maps.problem.empty());
  for (const fs::IdRange& range : maps.uids)
    config.uid_mappings.push_back({range.container_id, range.host_id, range.size});
  for (const fs::IdRange& range : maps.gids)
    config.gid_mappings.push_back({range.container_id, range.host_id, range.size});
  return config;
}

std::string state_text(std::string_view status, pid_t pid) {
  return fmt::format("{{\"status\":\"{}\",\"pid\":{}}}", status, pid);
}

struct Trial {
  ContainerOptions options;
  std::string directory = make_directory("/tmp/ecrin-state-XXXXXX");
  Fd state = posix::open(directory, O_RDONLY | O_DIRECTORY).value();
  Pipe output = Pipe::create().value();

  explicit Trial(const std::string& script) {
    options.config = config_for(script);
    options.rootfs = bundle_root();
    options.init = false;
    options.detached = true;
    options.state = state_text;
    options.stdio.output = output.write.duplicate().value();
    options.stdio.error = std::move(output.write);
  }
  Container create() {
    auto container = Container::create(std::move(options), state);
    INFO((container ? "" : container.error().message() + " " + container.error().hint_text()));
    for (const auto& line : container ? std::vector<std::string>() : container.error().trace()) WARN(line);
    REQUIRE(container);
    return std::move(*container);
  }
  std::string run() {
    Container container = create();
    const auto opened = open_gate(state);
    INFO((opened ? "" : opened.error().message()));
    REQUIRE(opened);
    const std::string text = posix::read_fd(output.read).value();
    CHECK(container.wait().value().success());
    return text;
  }
  Error create_error() {
    auto container = Container::create(std::move(options), state);
    REQUIRE_FALSE(container);
    return container.error();
  }
};

ExecOptions exec_options(pid_t target, const std::string& script) {
  ExecOptions options;
  options.target = target;
  options.process = config_for(script).process;
  options.detached = true;
  return options;
}

std::string exec_in(pid_t target, ExecOptions options) {
  Pipe output = Pipe::create().value();
  options.target = target;
  options.stdio.output = output.write.duplicate().value();
  options.stdio.error = std::move(output.write);
  auto process = ExecProcess::start(std::move(options));
  INFO((process ? "" : process.error().message() + " " + process.error().hint_text()));
  REQUIRE(process);
  std::string text = posix::read_fd(output.read).value();
  text += fmt::format("={}", process->wait().value().shell_code());
  return text;
}

}  // namespace

TEST_CASE("created, then started", "[lifecycle]") {
  Trial trial("id -u; echo $$; hostname; ls /proc/self/fd");
  trial.options.config.hostname = "made";
  Container container = trial.create();
  CHECK(::kill(container.pid(), 0) == 0);
  CHECK(waits_at(trial.state));
  CHECK(::kill(container.pid(), 0) == 0);
  REQUIRE(open_gate(trial.state));
  CHECK(posix::read_fd(trial.output.read).value() == "0\n1\nmade\n0\n1\n2\n3\n");
  CHECK(container.wait().value().success());
  CHECK_FALSE(waits_at(trial.state));
  CHECK(open_gate(trial.state).error().kind() == ErrorKind::conflict);
}

TEST_CASE("a missing program is told at create", "[lifecycle]") {
  Trial missing("");
  missing.options.config.process.args = {"nope"};
  CHECK(missing.create_error().kind() == ErrorKind::program_not_found);
  Trial directory("");
  directory.options.config.process.args = {"/bin"};
  CHECK(directory.create_error().kind() == ErrorKind::program_not_executable);
}

TEST_CASE("what the process is", "[lifecycle]") {
  Trial trial(
      "grep -E '^(Cap|NoNew|Groups|Seccomp:)' /proc/self/status; id -u; id -g; cat /proc/self/oom_score_adj; "
      "umask; uname -m; cat /proc/self/limits | grep 'open files'; cat /proc/self/sched | grep policy");
  oci::RuntimeProcess& process = trial.options.config.process;
  process.uid = 5;
  process.gid = 6;
  process.additional_gids = {7, 8};
  process.umask = 027;
  process.oom_score_adj = 500;
  process.rlimits = {{"RLIMIT_NOFILE", 12, 20}};
  process.scheduler = oci::Scheduler{.policy = "SCHED_BATCH", .nice = 5};
  process.io_priority = oci::IoPriority{.io_class = "IOPRIO_CLASS_IDLE", .priority = 4};
  process.capabilities = {.bounding = {"CAP_KILL", "CAP_CHOWN", "CAP_FOWNER"},
                          .effective = {"CAP_KILL"},
                          .permitted = {"CAP_KILL", "CAP_CHOWN"},
                          .inheritable = {"CAP_KILL", "CAP_CHOWN"},
                          .ambient = {"CAP_KILL"}};
  trial.options.config.personality = oci::Personality{.domain = "LINUX32"};
  WARN(trial.run());
}

TEST_CASE("hooks run in their order", "[lifecycle]") {
  const std::string log = make_directory("/tmp/ecrin-hooks-XXXXXX") + "/log";
  Trial trial("echo program");
  const auto hook = [&](const std::string& name, const std::string& where) {
    return oci::Hook{
        .path = "/bin/busybox",
        .args = {"sh", "-c",
                 "(echo " + name + "; busybox cat; busybox echo; busybox readlink /proc/self/ns/net) >> " +
                     where},
        .env = {"PATH=/bin"},
        .timeout = 5};
  };
  oci::Hooks& hooks = trial.options.config.hooks;
  hooks.prestart = {hook("prestart", log)};
  hooks.create_runtime = {hook("createRuntime", log)};
  hooks.create_container = {hook("createContainer", log)};
  hooks.start_container = {hook("startContainer", "/tmp/log")};
  Container container = trial.create();
  WARN(posix::read_file(log).value());
  CHECK_FALSE(posix::read_file(bundle_root() + "/tmp/log"));
  REQUIRE(open_gate(trial.state));
  WARN(posix::read_file(bundle_root() + "/tmp/log").value());
  for (auto member : {&oci::Hooks::prestart, &oci::Hooks::create_runtime, &oci::Hooks::create_container}) {
    Trial failing("echo program");
    failing.options.config.hooks.*
        member = {{.path = "/bin/busybox", .args = {"sh", "-c", "echo because >&2; exit 3"}, .env = {}}};
    const Error error = failing.create_error();
    WARN(error.message());
    Trial slow("echo program");
    slow.options.config.hooks.*
        member = {{.path = "/bin/busybox", .args = {"sleep", "20"}, .env = {}, .timeout = 1}};
    const Error late = slow.create_error();
    WARN(late.message());
  }
  Trial failing("echo program");
  failing.options.config.hooks.start_container = {{.path = "/bin/nope"}};
  Container made = failing.create();
  const auto opened = open_gate(failing.state);
  REQUIRE_FALSE(opened);
  WARN(opened.error().message());
}

TEST_CASE("exec", "[lifecycle]") {
  Trial trial("echo up; exec sleep 100");
  Container container = trial.create();
  REQUIRE(open_gate(trial.state));
  std::array<std::byte, 3> up{};
  REQUIRE(posix::read_full(trial.output.read, up));
  const pid_t pid = container.pid();
  CHECK(exec_in(pid, exec_options(pid, "ls /proc/self/fd; cat /proc/1/cmdline; exit 4")) ==
        std::string("0\n1\n2\n3\nsleep\000100\000=4", 20));
  for (const char* kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"})
    CHECK(exec_in(pid, exec_options(pid, std::string("[ \"$(readlink /proc/1/ns/") + kind +
                                             ")\" = \"$(readlink /proc/self/ns/" + kind + ")\" ]")) == "=0");
  ExecOptions terminal = exec_options(pid, "tty; exit 3");
  terminal.process.terminal = true;
  auto process = ExecProcess::start(std::move(terminal));
  INFO((process ? "" : process.error().message()));
  REQUIRE(process);
  std::array<std::byte, 64> buffer{};
  const std::size_t size = posix::read_some(process->terminal(), buffer).value();
  CHECK(std::string(reinterpret_cast<const char*>(buffer.data()), size) == "/dev/pts/0\r\n");
  CHECK(process->wait()->code == 3);
  ExecOptions missing = exec_options(pid, "");
  missing.process.args = {"nope"};
  CHECK(ExecProcess::start(std::move(missing)).error().kind() == ErrorKind::program_not_found);
  ExecOptions affinity = exec_options(pid, "grep Cpus_allowed_list /proc/self/status");
  affinity.process.exec_cpu_affinity = oci::CpuAffinity{.initial = "0-1", .final = "1"};
  CHECK(exec_in(pid, std::move(affinity)) == "Cpus_allowed_list:\t1\n=0");
  // Namespaces that are joined.
  Trial joining(
      "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/pid; echo $$");
  for (oci::RuntimeNamespace& entry : joining.options.config.namespaces) {
    if (entry.kind == oci::Namespace::network) entry.path = fmt::format("/proc/{}/ns/net", pid);
    if (entry.kind == oci::Namespace::ipc) entry.path = fmt::format("/proc/{}/ns/ipc", pid);
    if (entry.kind == oci::Namespace::pid) entry.path = fmt::format("/proc/{}/ns/pid", pid);
    if (entry.kind == oci::Namespace::user) entry.path = fmt::format("/proc/{}/ns/user", pid);
  }
  joining.options.config.uid_mappings.clear();
  joining.options.config.gid_mappings.clear();
  WARN(joining.run());
  Trial wrong("");
  for (oci::RuntimeNamespace& entry : wrong.options.config.namespaces)
    if (entry.kind == oci::Namespace::ipc) entry.path = fmt::format("/proc/{}/ns/net", pid);
  WARN(wrong.create_error().message());
  REQUIRE(container.signal(SIGKILL));
  REQUIRE(container.wait());
}

TEST_CASE("a time namespace", "[lifecycle]") {
  Trial trial("cat /proc/uptime; echo $$");
  trial.options.config.namespaces.emplace_back(oci::Namespace::time);
  trial.options.config.time_offsets = {{"boottime", {.seconds = 10000000}}, {"monotonic", {.seconds = 5}}};
  WARN(trial.run());
}

TEST_CASE("preserved descriptors", "[lifecycle]") {
  const Fd first = Fd(::fcntl(0, F_DUPFD_CLOEXEC, 3));  // 3 and 4 are nobody else's
  const Fd second = Fd(::fcntl(0, F_DUPFD_CLOEXEC, 4));
  REQUIRE(first.get() == 3);
  REQUIRE(second.get() == 4);
  Trial trial("ls /proc/self/fd; cat <&4");
  Pipe pipe = Pipe::create().value();
  REQUIRE(posix::write_full(pipe.write, std::string_view("hello\n")));
  pipe.write.reset();
  REQUIRE(::dup2(pipe.read.get(), 4) == 4);
  REQUIRE(::fcntl(3, F_SETFD, 0) == 0);  // as what a process was given
  trial.options.preserved_descriptors = 2;
  CHECK(trial.run() == "0\n1\n2\n3\n4\n5\nhello\n");
}

TEST_CASE("console socket", "[lifecycle]") {
  Trial trial("tty; exit 0");
  trial.options.config.process.terminal = true;
  const std::string path = trial.directory + "/console";
  const Fd place = posix::open(trial.directory, O_PATH | O_DIRECTORY).value();
  const Fd listener = listen_unix_socket(place, "console", SocketKind::stream).value();
  trial.options.console_socket = path;
  Container container = trial.create();
  const Fd connection(::accept(listener.get(), nullptr, nullptr));
  const auto message = receive_message(connection).value();
  REQUIRE(message);
  CHECK("/" + message->payload == "/dev/pts/0");
  REQUIRE(message->descriptor);
  REQUIRE(open_gate(trial.state));
  std::array<std::byte, 64> buffer{};
  const std::size_t size = posix::read_some(message->descriptor, buffer).value();
  CHECK(std::string(reinterpret_cast<const char*>(buffer.data()), size) == "/dev/pts/0\r\n");
}

TEST_CASE("exec beside pid 1 of ours", "[lifecycle]") {
  Trial trial("echo up; exec sleep 100");
  trial.options.init = true;
  Container container = trial.create();
  REQUIRE(open_gate(trial.state));
  std::array<std::byte, 3> up{};
  REQUIRE(posix::read_full(trial.output.read, up));
  const auto entered = ExecProcess::start(exec_options(container.pid(), "exit 0"));
  // Who has no privileges in the user namespace that the stage was executed in cannot enter through it.
  if (!entered) WARN(entered.error().message());
  CHECK((entered.has_value() || !is_root()));
}

TEST_CASE("a user namespace made by root", "[lifecycle]") {
  if (!is_root() || !may_write_maps()) return;
  const auto own = fs::parse_id_map(posix::read_file("/proc/self/uid_map").value()).value();
  if (own.front().size < 200'000) return;
  Trial trial("id -u; cat /proc/self/uid_map; echo x > /tmp/made; stat -c %u /tmp/made; id -G");
  trial.options.config.namespaces.emplace_back(oci::Namespace::user);
  trial.options.config.uid_mappings = trial.options.config.gid_mappings = {{0, 100'000, 65'536}};
  trial.options.config.process.additional_gids = {7};
  trial.options.config.mounts.push_back({"/tmp", "tmpfs", "tmpfs", {}});
  trial.options.config.mounts.push_back({"/sys", "bind", "/etc", {"rbind", "ro"}});
  WARN(trial.run());
}

TEST_CASE("a mount namespace that is joined stays as it is", "[lifecycle]") {
  if (!is_root()) return;
  Child other = Child::spawn({.argv = {"unshare", "-m", "--propagation", "private", "sleep", "100"}}).value();
  ::usleep(300'000);
  const std::string path = fmt::format("/proc/{}/ns/mnt", other.pid());
  Trial trial("readlink /proc/self/ns/mnt; ls /; echo up; exec sleep 100");
  for (oci::RuntimeNamespace& entry : trial.options.config.namespaces)
    if (entry.kind == oci::Namespace::mount) entry.path = path;
  Container container = trial.create();
  REQUIRE(open_gate(trial.state));
  ::usleep(300'000);
  std::array<char, 128> link{};
  REQUIRE(::readlink(path.c_str(), link.data(), link.size()) > 0);
  const std::string inside =
      exec_in(container.pid(), exec_options(container.pid(), "readlink /proc/1/ns/mnt; ls /bin/busybox"));
  CHECK(inside == std::string(link.data()) + "\n/bin/busybox\n=0");
  // The namespace's own root and mounts are there still.
  const Output host = run_command({.argv = {"nsenter", "-m/proc/" + std::to_string(other.pid()) + "/ns/mnt",
                                            "ls", "/etc/passwd"}})
                          .value();
  CHECK(host.standard_output == "/etc/passwd\n");
}

TEST_CASE("who waits to be started ends with its parent, unless it is detached", "[lifecycle]") {
  for (const bool detached : {false, true}) {
    Trial trial("echo never");
    trial.options.detached = detached;
    Pipe pids = Pipe::create().value();
    const pid_t parent = ::fork();
    if (parent == 0) {
      auto container = Container::create(std::move(trial.options), trial.state);
      const pid_t pid = container ? container->pid() : 0;
      (void)!::write(pids.write.get(), &pid, sizeof pid);
      ::_exit(0);  // without taking anything down
    }
    pid_t pid = 0;
    REQUIRE(posix::read_full(pids.read, std::as_writable_bytes(std::span(&pid, 1))));
    REQUIRE(pid > 0);
    REQUIRE(::waitpid(parent, nullptr, 0) == parent);
    ::usleep(300'000);
    CHECK(waits_at(trial.state) == detached);
    if (detached) ::kill(pid, SIGKILL);
  }
}

#include "base/child.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;

namespace {

// The shell is only a test program here, with its script as an argument.
Command shell(std::string script) {
  return {.argv = {"sh", "-c", std::move(script)}};
}

bool exists(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

/// Gone, or a zombie where nobody reaps orphans.
bool is_over(pid_t pid) {
  const auto status = posix::read_file(fmt::format("/proc/{}/status", pid));
  return !status || status->contains("State:\tZ");
}

bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace

TEST_CASE("child: exit codes and signals") {
  const ExitStatus failed = Child::spawn(shell("exit 3")).value().wait().value();
  CHECK(failed.code == 3);
  CHECK(!failed.success());
  CHECK(failed.shell_code() == 3);
  CHECK(failed.to_string() == "exit status 3");
  CHECK(Child::spawn(shell("true")).value().wait().value().success());
  const ExitStatus killed = Child::spawn(shell("kill -9 $$")).value().wait().value();
  CHECK(killed.signal == SIGKILL);
  CHECK(killed.shell_code() == 137);
  CHECK(killed.to_string() == "killed by signal 9 (Killed)");
}

TEST_CASE("child: what cannot be executed is an error, not an exit code") {
  const test::TempDirectory directory;
  const auto missing = Child::spawn({.argv = {"no-such-program-here"}});
  REQUIRE(!missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  const auto missing_path = Child::spawn({.argv = {"/no/such/program"}});
  REQUIRE(!missing_path);
  CHECK(missing_path.error().kind() == ErrorKind::not_found);
  CHECK(missing_path.error().message() == "cannot execute '/no/such/program': No such file or directory");
  REQUIRE(posix::write_full(posix::open(directory.path("plain"), O_WRONLY | O_CREAT, 0644).value(), "x"));
  const auto denied = Child::spawn({.argv = {directory.path("plain")}});
  REQUIRE(!denied);
  CHECK(denied.error().kind() == ErrorKind::denied);
  const auto no_directory = Child::spawn({.argv = {"true"}, .directory = "/no/such/place"});
  REQUIRE(!no_directory);
  CHECK(no_directory.error().kind() == ErrorKind::not_found);
  CHECK(no_directory.error().message().contains("/no/such/place"));
  CHECK(Child::spawn({}).error().kind() == ErrorKind::invalid);
  CHECK(Child::spawn({.argv = {"true", std::string("a\0b", 3)}}).error().kind() == ErrorKind::invalid);
  // No zombie is left of them.
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("child: killed and waited for at scope exit") {
  pid_t pid = 0;
  {
    const Child child = Child::spawn({.argv = {"sleep", "100"}}).value();
    pid = child.pid();
    CHECK(child.pidfd());
    CHECK(exists(pid));
  }
  CHECK(!exists(pid));
}

TEST_CASE("child: moving hands over, assigning kills the old one") {
  Child first = Child::spawn({.argv = {"sleep", "100"}}).value();
  const pid_t first_pid = first.pid();
  Child second = Child::spawn({.argv = {"sleep", "100"}}).value();
  const pid_t second_pid = second.pid();
  first = std::move(second);
  CHECK(!second);
  CHECK(first.pid() == second_pid);
  CHECK(!exists(first_pid));
  CHECK(exists(second_pid));
}

TEST_CASE("child: poll, signal, wait") {
  Child child = Child::spawn({.argv = {"sleep", "100"}}).value();
  CHECK(!child.poll().value());
  REQUIRE(child.signal(SIGTERM));
  std::optional<ExitStatus> status;
  CHECK(comes_true([&] { return (status = child.poll().value()).has_value(); }));
  CHECK(status->signal == SIGTERM);
  CHECK(!child);
  CHECK(!child.wait());
  CHECK(!child.poll());
  CHECK(!child.signal(SIGTERM));
}

TEST_CASE("child: a detached one lives on") {
  Pipe pipe = Pipe::create().value();
  pid_t pid = 0;
  {
    Child child = Child::spawn({.argv = {"cat"}, .descriptors = {{&pipe.read, 0}}}).value();
    pid = child.pid();
    child.detach();
  }
  CHECK(exists(pid));
  pipe.write.reset();
  CHECK(Child::adopt(pid, Fd()).wait().value().success());
}

TEST_CASE("child: it gets its descriptors and no others") {
  Pipe pipe = Pipe::create().value();
  // Not close-on-exec, as if a library or our own parent had leaked it.
  const Fd leaked(::dup(pipe.read.get()));
  const Fd text = posix::sealed_memory_file("x", std::as_bytes(std::span("text", 4))).value();
  Command command = shell("ls /proc/self/fd | tr '\\n' ' '; cat <&7");
  command.descriptors = {{&pipe.write, 1}, {&text, 7}};
  Child child = Child::spawn(command).value();
  pipe.write.reset();
  REQUIRE(child.wait());
  // 3 is the listing itself.
  CHECK(posix::read_fd(pipe.read).value() == "0 1 2 3 7 text");
}

TEST_CASE("child: descriptors may trade places") {
  const auto memory = [](std::string_view text) {
    return posix::sealed_memory_file("x", std::as_bytes(std::span(text))).value();
  };
  const Fd first = memory("first");
  const Fd second = memory("second");
  Pipe pipe = Pipe::create().value();
  Command command = shell(fmt::format("cat <&{}; cat <&{}", first.get(), second.get()));
  command.descriptors = {{&first, second.get()}, {&second, first.get()}, {&pipe.write, 1}};
  Child child = Child::spawn(command).value();
  pipe.write.reset();
  REQUIRE(child.wait());
  CHECK(posix::read_fd(pipe.read).value() == "secondfirst");
}

TEST_CASE("child: environment, directory and standard streams") {
  Command command = shell("echo $A; pwd; readlink /proc/self/fd/0");
  command.environment = {"A=b", "PATH=/usr/bin:/bin"};
  command.directory = "/usr";
  const Output output = run_command(command).value();
  CHECK(output.standard_output == "b\n/usr\n/dev/null\n");
  const Output inherited = run_command({.argv = {"env"}}).value();
  CHECK(!inherited.standard_output.empty());
  command = {.argv = {"env"}};
  command.environment = std::vector<std::string>{};
  CHECK(run_command(command).value().standard_output.empty());
}

TEST_CASE("child: an environment of its own arrives whole") {
  // Short and long values: both must live until the program is executed.
  const std::vector<std::string> environment = {"A=1", "LONG=" + std::string(300, 'x'), "B=2"};
  Command command = {.argv = {"env"}};
  command.environment = environment;
  const auto output = run_command(command);
  REQUIRE(output);
  CHECK(output->standard_output == "A=1\nLONG=" + std::string(300, 'x') + "\nB=2\n");
}

TEST_CASE("child: signals are as after a login") {
  auto* before = ::signal(SIGUSR1, SIG_IGN);
  sigset_t blocked;
  sigset_t mask;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &mask);
  const Output output = run_command(shell("grep -E 'SigBlk|SigIgn' /proc/self/status | tr -d '\\t'")).value();
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  ::signal(SIGUSR1, before);
  CHECK(output.standard_output == "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
}

TEST_CASE("child: a session of its own has no terminal, and ends whole") {
  Command command = shell("cut -d' ' -f1,5,6 /proc/$$/stat; tty </dev/tty");
  command.own_session = true;
  const Output output = run_command(command).value();
  const auto words = split(trim(output.standard_output), ' ');
  REQUIRE(words.size() == 3);
  CHECK(words[1] == words[0]);  // the process group
  CHECK(words[2] == words[0]);  // the session
  CHECK(output.standard_error.contains("/dev/tty"));
  pid_t helper = 0;
  {
    Pipe pipe = Pipe::create().value();
    command = shell("sleep 600 & echo $!; wait");
    command.own_session = true;
    command.descriptors = {{&pipe.write, 1}};
    const Child child = Child::spawn(command).value();
    std::array<std::byte, 32> bytes;
    const std::size_t size = posix::read_some(pipe.read, bytes).value();
    const std::string text(reinterpret_cast<const char*>(bytes.data()), size);
    helper = static_cast<pid_t>(parse_unsigned(trim(text)).value());
    CHECK(exists(helper));
  }
  CHECK(comes_true([&] { return is_over(helper); }));
}

TEST_CASE("child: it dies with its parent") {
  Pipe pipe = Pipe::create().value();
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto child = Child::spawn({.argv = {"sleep", "100"}});
    const pid_t pid = child ? child->pid() : -1;
    (void)!::write(pipe.write.get(), &pid, sizeof pid);
    ::pause();
    ::_exit(0);
  }
  pid_t grandchild = -1;
  REQUIRE(posix::read_full(pipe.read, std::as_writable_bytes(std::span(&grandchild, 1))));
  CHECK(exists(grandchild));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  CHECK(comes_true([&] { return is_over(grandchild); }));
}

TEST_CASE("run_command: output, errors, status and input") {
  const Output output = run_command(shell("cat; echo err >&2; exit 4"), "some input").value();
  CHECK(output.status.code == 4);
  CHECK(output.standard_output == "some input");
  CHECK(output.standard_error == "err\n");
}

TEST_CASE("run_command: much data in all directions does not block") {
  const std::string input(3'000'000, 'x');
  const Output output = run_command(shell("tee /dev/stderr"), input).value();
  CHECK(output.standard_output == input);
  CHECK(output.standard_error == input);
  // A program that does not read its input.
  CHECK(run_command({.argv = {"true"}}, input).value().status.success());
}

TEST_CASE("run_command: endless output is stopped at the limit") {
  const auto output = run_command({.argv = {"yes"}}, {}, 100'000);
  REQUIRE(!output);
  CHECK(output.error().kind() == ErrorKind::limit);
  CHECK(run_command({.argv = {"echo", "123"}}, {}, 4).value().standard_output == "123\n");
  CHECK(!run_command({.argv = {"echo", "1234"}}, {}, 4));
}

TEST_CASE("run_command: a process that was left behind with the pipes does not hold it up") {
  const auto start = std::chrono::steady_clock::now();
  const Output output = run_command(shell("echo started; sleep 20 & echo $!")).value();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  const auto lines = split(output.standard_output, '\n');
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "started");
  ::kill(static_cast<pid_t>(parse_unsigned(lines[1]).value()), SIGKILL);
}

TEST_CASE("run_command: from many threads at once") {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&good, i] {
      for (int round = 0; round < 10; ++round) {
        const std::string text = std::to_string(i * 100 + round);
        const auto output = run_command({.argv = {"echo", text}});
        if (output && output->standard_output == text + "\n") ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 40);
}

TEST_CASE("find_program: executable regular files only") {
  const test::TempDirectory directory;
  CHECK(find_program("sh").ends_with("/sh"));
  CHECK(find_program("no-such-program-here").empty());
  CHECK(find_program("").empty());
  REQUIRE(posix::mkdir_at(directory.fd(), "dir", 0755));
  REQUIRE(posix::open_at(directory.fd(), "plain", O_WRONLY | O_CREAT, 0644));
  REQUIRE(posix::open_at(directory.fd(), "program", O_WRONLY | O_CREAT, 0755));
  CHECK(find_program("dir", directory.path()).empty());
  CHECK(find_program("plain", directory.path()).empty());
  CHECK(find_program("program", "/nowhere::" + directory.path()) == directory.path("program"));
  CHECK(find_program(directory.path("program")) == directory.path("program"));
  CHECK(find_program(directory.path("plain")).empty());
}

TEST_CASE("run_command: a program that does not end is killed") {
  const auto timeout = std::chrono::milliseconds(200);
  for (const char* script : {"exec sleep 600", "exec >&- 2>&-; exec sleep 600"}) {
    const auto output = run_command(shell(script), {}, 100, timeout);
    REQUIRE(!output);
    CHECK(output.error().kind() == ErrorKind::limit);
    CHECK(output.error().message() == "'sh' did not end within 0.2 seconds");
  }
  CHECK(run_command(shell("exit 3"), {}, 100, std::chrono::seconds(60)).value().status.code == 3);
}

TEST_CASE("run_command: who waits can stop waiting") {
  CancelToken stop;
  std::thread user([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.cancel();
  });
  const auto output = run_command({.argv = {"sleep", "600"}}, {}, 100, std::nullopt, &stop);
  user.join();
  REQUIRE(!output);
  CHECK(output.error().kind() == ErrorKind::cancelled);
  CHECK(run_command({.argv = {"sleep", "600"}}, {}, 100, std::nullopt, &stop).error().kind() ==
        ErrorKind::cancelled);
}

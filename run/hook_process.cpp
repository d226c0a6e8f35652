#include "run/hook_process.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/stream.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t k_told_of_stderr = 1024;

// A hook may leave processes behind that hold its stderr, so that a pipe would have no end: it is a file.
Result<Fd> make_stderr_file() {
  Fd file(::memfd_create("ecrin-hook", MFD_CLOEXEC));
  if (!file) return fail_errno("cannot make a memory file");
  return file;
}

std::string end_of(const Fd& file) {
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  const off_t start = std::max<off_t>(0, size - static_cast<off_t>(k_told_of_stderr));
  std::array<char, k_told_of_stderr> text{};
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), start);
  return std::string(
      trim(std::string_view(text.data(), static_cast<std::size_t>(std::max<ssize_t>(0, count)))));
}

// Empty: the time is over.
Result<std::optional<ExitStatus>> wait_until(Child& child, std::optional<Clock::time_point> end) {
  while (end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end - Clock::now()).count();
    if (left <= 0) return std::nullopt;
    pollfd ended{.fd = child.pidfd().get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&ended, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return fail_errno("cannot wait for a hook");
    if (ready > 0) break;
  }
  return std::optional(TRY(child.wait()));
}

Result<> run_to_the_end(const oci::Hook& hook, const std::string& state,
                        const std::vector<std::string>* environment) {
  const Fd input = TRY(posix::sealed_memory_file("ecrin-state", as_bytes(state)));
  const Fd errors = TRY(make_stderr_file());
  Command command{.argv = hook.args, .program = hook.path};
  if (!hook.env.empty())
    command.environment = hook.env;
  else if (environment != nullptr)
    command.environment = *environment;
  if (command.argv.empty()) command.argv.push_back(hook.path);
  command.descriptors = {{&input, 0}, {&errors, 2}};
  command.own_session = true;
  std::optional<Clock::time_point> end;
  if (hook.timeout) end = Clock::now() + std::chrono::seconds(*hook.timeout);
  Child child = TRY(Child::spawn(command));
  const auto status = TRY(wait_until(child, end));
  if (!status) return fail(ErrorKind::limit, "it still ran after {} seconds", *hook.timeout);
  if (status->success()) return {};
  const std::string said = end_of(errors);
  return fail(ErrorKind::system, "{}{}{}", status->to_string(), said.empty() ? "" : ": ",
              printable(said, k_told_of_stderr));
}

}  // namespace

Result<> run_hook(const oci::Hook& hook, std::string_view name, const std::string& state,
                  const std::vector<std::string>* environment) {
  auto done = run_to_the_end(hook, state, environment);
  if (done) return {};
  return fail(done.error().kind() == ErrorKind::limit ? ErrorKind::limit : ErrorKind::system,
              "error running {}: '{}' failed: {}", name, printable(hook.path), done.error().message());
}

Result<> run_hooks(const std::vector<oci::Hook>& hooks, std::string_view kind, const std::string& state,
                   const std::vector<std::string>* environment) {
  for (std::size_t index = 0; index < hooks.size(); ++index)
    TRY(run_hook(hooks[index], fmt::format("{} hook #{}", kind, index), state, environment));
  return {};
}

}  // namespace ecrin::run

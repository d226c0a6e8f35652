#include "run/doctor/identity_probe.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/child.hpp"
#include "base/json.hpp"
#include "base/posix.hpp"
#include "run/child_probe.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_answer_limit = 1u << 20;

std::string answer(const IdentityRequest& request) {
  const auto identity = enter_user_namespace(request);
  if (!identity) return "e" + identity.error().serialise();
  // The same as a container's; what a step changes ends with its process.
  const int namespaces = probe_in_child([] {
    return ::unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) == 0;
  });
  const int network = probe_in_child([] { return ::unshare(CLONE_NEWNET) == 0; });
  const int proc = probe_in_child([] {
    if (::unshare(CLONE_NEWNS | CLONE_NEWPID) != 0) return false;
    const int code = probe_in_child([] { return ::mount("proc", "/proc", "proc", 0, nullptr) == 0; });
    errno = code;
    return code == 0;
  });
  return "i" + dump_json(Json{{"mode", static_cast<int>(identity->mode)},
                              {"users", fs::contiguous_ids(identity->uids)},
                              {"groups", fs::contiguous_ids(identity->gids)},
                              {"note", identity->note},
                              {"fix", identity->fix},
                              {"namespaces", namespaces},
                              {"network", network},
                              {"proc", proc}});
}

}  // namespace

Result<IdentityProbe> probe_identity(const IdentityRequest& request) {
  Pipe pipe = TRY(Pipe::create());
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot start a process that tries out user namespaces");
  if (pid == 0) {
    pipe.read.reset();
    (void)posix::write_full(pipe.write, answer(request));
    ::_exit(0);
  }
  pipe.write.reset();
  auto read = posix::read_fd(pipe.read, k_answer_limit);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  const std::string text = TRY(std::move(read));
  if (text.starts_with('e')) {
    if (auto error = Error::parse(std::string_view(text).substr(1)))
      return std::unexpected(std::move(*error));
  }
  if (!text.starts_with('i'))
    return fail(ErrorKind::system, "the process that tries out user namespaces died");
  const Json said =
      TRY(parse_json(std::string_view(text).substr(1), "what was found out about user namespaces"));
  return IdentityProbe{.mode = static_cast<IdentityMode>(said["mode"].get<int>()),
                       .users = said["users"].get<std::uint64_t>(),
                       .groups = said["groups"].get<std::uint64_t>(),
                       .note = said["note"].get<std::string>(),
                       .fix = said["fix"].get<std::string>(),
                       .namespaces = said["namespaces"].get<int>(),
                       .network = said["network"].get<int>(),
                       .proc = said["proc"].get<int>()};
}

}  // namespace ecrin::run

// Namespaces that clone(2) could not give to the stage: a user namespace, whose maps somebody outside has to
// write, and those that are joined. Ends in a process for which all of them hold.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/id_map.hpp"
#include "run/namespace_kinds.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr std::uint64_t k_for_children = CLONE_NEWPID | CLONE_NEWTIME;

std::string_view name_of(std::uint64_t flag) {
  for (const auto& [kind, known] : k_namespace_flags)
    if (known == flag) return namespace_name(kind);
  return "unknown";
}

Result<> join(const JoinedNamespace& joined) {
  if (::setns(joined.descriptor, static_cast<int>(joined.kind)) == 0) return {};
  return fail_errno("cannot enter the {} namespace", name_of(joined.kind));
}

Result<> make(std::uint64_t flags) {
  if (::unshare(static_cast<int>(flags)) == 0) return {};
  auto error = fail_errno("cannot make the namespaces of a container");
  if (error.error().code() == ENOSPC)
    return std::unexpected(std::move(error).error().hint(
        "a limit of namespaces is reached: see the sysctls user.max_*_namespaces"));
  return error;
}

// All that is done in it is done as its root, or as the first user that it has.
Result<> become_its_root(const Fd& self) {
  const auto first_id = [&](const char* name) -> Result<std::uint32_t> {
    const Fd file = TRY(posix::open_at(self, name, O_RDONLY));
    const fs::IdMap map = TRY(fs::parse_id_map(TRY(posix::read_fd(file))));
    if (map.empty()) return fail(ErrorKind::invalid, "the user namespace of the container has no {}", name);
    return std::ranges::min(map, {}, &fs::IdRange::container_id).container_id;
  };
  const std::uint32_t uid = TRY(first_id("uid_map"));
  const std::uint32_t gid = TRY(first_id("gid_map"));
  (void)::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)
    return fail_errno("cannot become user {} of the user namespace", uid);
  (void)::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  ThreadCapabilities capabilities = TRY(get_capabilities());
  capabilities.effective = capabilities.permitted;
  return set_capabilities(capabilities);
}

Result<> enter_user_namespace(Stage& stage, const Fd& self) {
  const EntryPlan& entry = stage.plan.entry;
  if (entry.created & CLONE_NEWUSER) {
    TRY(make(CLONE_NEWUSER));
    TRY(report(stage, StageMessage::user_namespace));
    TRY(wait_to_proceed(stage));
  } else {
    TRY(join(entry.joined.front()));
  }
  // Who may map no more than one id may not set groups.
  const Fd file = TRY(posix::open_at(self, "setgroups", O_RDONLY));
  if (!TRY(posix::read_fd(file)).starts_with("allow")) stage.plan.process.set_groups = false;
  return become_its_root(self);
}

bool has_user_namespace(const EntryPlan& entry) {
  return (entry.created & CLONE_NEWUSER) != 0 ||
         (!entry.joined.empty() && entry.joined.front().kind == CLONE_NEWUSER);
}

// A container without a mount namespace of its own has a root directory in another one.
Result<> change_root(const Fd& root) {
  if (::fchdir(root.get()) != 0 || ::chroot(".") != 0)
    return fail_errno("cannot enter the root directory of the container");
  return {};
}

// Some namespaces hold for children only. The child takes over, as another child of the parent's.
Result<> move_to_child(Stage& stage) {
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
  if (pid == 0) {
    ::setsid();
    return wait_to_proceed(stage);
  }
  if (pid < 0 && errno == ENOMEM)
    return fail(ErrorKind::conflict, "the pid namespace of the container has ended with its first process");
  if (pid < 0) return fail_errno("cannot start a process in the namespaces of the container");
  TRY(report(stage, StageMessage::moved, std::to_string(pid)));
  ::_exit(0);
}

}  // namespace

Result<> enter_namespaces(Stage& stage) {
  const EntryPlan& entry = stage.plan.entry;
  // Before a mount namespace is joined where /proc is another one, and before the rights to write are gone.
  const Fd self = TRY(posix::open("/proc/self", O_PATH | O_DIRECTORY));
  Fd offsets;
  if (!entry.time_offsets.empty()) offsets = TRY(posix::open_at(self, "timens_offsets", O_WRONLY));
  std::vector<JoinedNamespace> later;
  const bool has_user = has_user_namespace(entry);
  for (const JoinedNamespace& joined : entry.joined) {
    if (joined.kind == CLONE_NEWUSER) continue;
    // What belongs to the host is open to who comes from there; the rest to the user namespace's root.
    auto done = join(joined);
    if (done) continue;
    if (!has_user || done.error().code() != EPERM) return done;
    later.push_back(joined);
  }
  if (has_user) TRY(enter_user_namespace(stage, self));
  // Nobody in there may look into this process: it knows descriptors of the host.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  for (const JoinedNamespace& joined : later) TRY(join(joined));
  if (const std::uint64_t others = entry.created & ~std::uint64_t{CLONE_NEWUSER}; others != 0)
    TRY(make(others));
  if (offsets)
    TRY_WHILE(posix::write_full(offsets, std::string_view(entry.time_offsets)),
              "setting the clocks of the time namespace");
  std::uint64_t all = entry.created;
  for (const JoinedNamespace& joined : entry.joined) {
    all |= joined.kind;
    Fd(joined.descriptor).reset();
  }
  if (entry.root >= 0) TRY(change_root(Fd(entry.root)));
  if ((all & k_for_children) != 0) return move_to_child(stage);
  return {};
}

}  // namespace ecrin::run::stage

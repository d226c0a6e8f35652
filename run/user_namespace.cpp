#include "run/user_namespace.hpp"

#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "fs/file_owners.hpp"
#include "run/capabilities.hpp"
#include "run/plan/refusal.hpp"
#include "run/user_namespace_maps.hpp"

namespace ecrin::run {
namespace {

Result<> write_own(const char* file, const std::string& text) {
  const Fd fd = TRY(posix::open(fmt::format("/proc/self/{}", file), O_WRONLY));
  return posix::write_full(fd, std::string_view(text));
}

Result<> unshare_user_and_mounts() {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) return {};
  const int code = errno;  // of this call, not of what is read about it
  return std::unexpected(explain_user_namespace_refusal(code, read_refusal_facts()));
}

// Nothing that we mount may spread to the host, and nothing that the host unmounts may vanish under us.
Result<> make_mounts_private() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("cannot make the mounts of the new namespace private");
  return {};
}

// The one map that a process may write for itself: its own id. Ubuntu lets the namespace be made and refuses
// here.
Result<> write_single_maps(uid_t uid, gid_t gid) {
  const auto written = [&]() -> Result<> {
    TRY(write_own("setgroups", "deny"));
    TRY(write_own("gid_map", fs::format_id_map({{.container_id = 0, .host_id = gid, .size = 1}})));
    return write_own("uid_map", fs::format_id_map({{.container_id = 0, .host_id = uid, .size = 1}}));
  }();
  if (written || written.error().code() == 0) return written;
  return std::unexpected(explain_user_namespace_refusal(written.error().code(), read_refusal_facts()));
}

// newuidmap may have succeeded where newgidmap failed; a map is written only once. Then the missing one is
// completed and a second namespace, inside the half-made one, has clean maps.
Result<> fall_back_to_single(uid_t uid, gid_t gid) {
  const bool has_uids = !TRY(posix::read_file("/proc/self/uid_map")).empty();
  const bool has_gids = !TRY(posix::read_file("/proc/self/gid_map")).empty();
  if (!has_uids && !has_gids) return write_single_maps(uid, gid);
  if (!has_gids) {
    TRY(write_own("setgroups", "deny"));
    TRY(write_own("gid_map", fs::format_id_map({{.container_id = 0, .host_id = gid, .size = 1}})));
  }
  if (!has_uids)
    TRY(write_own("uid_map", fs::format_id_map({{.container_id = 0, .host_id = uid, .size = 1}})));
  TRY(unshare_user_and_mounts());
  return write_single_maps(0, 0);
}

Result<> become_root() {
  // The ids outside are 0 inside already where the map says so; as root with unusual ids they may not be.
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)
    return fail_errno("cannot become root of the user namespace");
  return make_mounts_private();
}

Result<Identity> read_back(Identity identity) {
  identity.uids = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/uid_map"))));
  identity.gids = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/gid_map"))));
  return identity;
}

Result<Identity> enter_identity(Identity identity) {
  if (::unshare(CLONE_NEWNS) != 0) {
    auto error = fail_errno("cannot make a mount namespace");
    return std::unexpected(std::move(error).error().hint(
        "without a user namespace this takes CAP_SYS_ADMIN; the outer container may not have it"));
  }
  identity.mode = IdentityMode::identity;
  TRY(make_mounts_private());
  return read_back(std::move(identity));
}

// Root of a container without CAP_SYS_ADMIN whose system call filter forbids namespaces: docker's default.
Result<Identity> stay_root(Identity identity) {
  identity.mode = IdentityMode::chroot;
  return read_back(std::move(identity));
}

bool may_change_root() {
  const auto capabilities = get_capabilities();
  return capabilities && (capabilities->effective & capability_bit(CAP_SYS_CHROOT)) != 0;
}

Result<Identity> enter_mapped(Identity identity, const MapChoice& maps) {
  identity.mode = IdentityMode::mapped;
  identity.uids = maps.uids;
  identity.gids = maps.gids;
  TRY(become_root());
  return identity;
}

Result<Identity> enter_single(Identity identity) {
  identity.mode = IdentityMode::single;
  TRY(fall_back_to_single(identity.outer_uid, identity.outer_gid));
  identity.uids = {{.container_id = 0, .host_id = identity.outer_uid, .size = 1}};
  identity.gids = {{.container_id = 0, .host_id = identity.outer_gid, .size = 1}};
  TRY(become_root());
  return identity;
}

Result<Identity> enter_as_user(Identity identity, const IdentityRequest& request,
                               const std::function<void()>& meanwhile) {
  if (request.forced == IdentityMode::single) {
    TRY(unshare_user_and_mounts());
    return enter_single(std::move(identity));
  }
  const MapChoice maps = choose_maps(request, identity.outer_uid, identity.outer_gid);
  std::string problem = maps.problem;
  std::string fix = maps.fix;
  if (problem.empty()) {
    MapHelper helper = TRY(MapHelper::start(MapHelper::Means::programs, maps, request));
    TRY(unshare_user_and_mounts());
    const auto written = helper.write_maps(meanwhile);
    if (written) return enter_mapped(std::move(identity), maps);
    problem = written.error().message();
    fix =
        "newuidmap and newgidmap must be setuid root or have the file capabilities cap_setuid and "
        "cap_setgid, "
        "and no_new_privs must not be set";
  } else if (request.forced != IdentityMode::mapped) {
    TRY(unshare_user_and_mounts());
  }
  if (request.forced == IdentityMode::mapped)
    return std::unexpected(Error(ErrorKind::unsupported, "cannot map a range of ids: " + problem).hint(fix));
  identity.note = "only one user id is mapped: " + problem;
  identity.fix = fix;
  return enter_single(std::move(identity));
}

Result<Identity> enter_as_root(Identity identity, const IdentityRequest& request,
                               const std::function<void()>& meanwhile) {
  if (request.forced == IdentityMode::identity) return enter_identity(std::move(identity));
  if (request.forced == IdentityMode::chroot) return stay_root(std::move(identity));
  if (request.forced == IdentityMode::single) return enter_as_user(std::move(identity), request, meanwhile);
  MapChoice maps;
  maps.uids = same_ids(TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/uid_map")))));
  maps.gids = same_ids(TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/gid_map")))));
  MapHelper helper = TRY(MapHelper::start(MapHelper::Means::itself, maps, request));
  if (auto entered = unshare_user_and_mounts(); !entered) {
    if (request.forced == IdentityMode::mapped) return std::unexpected(std::move(entered).error());
    identity.note = entered.error().message();
    identity.fix = entered.error().hint_text();
    auto outcome = enter_identity(identity);
    if (outcome) return outcome;
    if (may_change_root()) return stay_root(std::move(identity));
    // The refusal of the user namespace is the cause that somebody can do something about.
    return std::unexpected(std::move(entered).error());
  }
  if (auto written = helper.write_maps(); !written) {
    if (request.forced == IdentityMode::mapped) return std::unexpected(std::move(written).error());
    identity.note = fmt::format("only one user id is mapped: {}", written.error().message());
    return enter_single(std::move(identity));
  }
  return enter_mapped(std::move(identity), maps);
}

// Also root, when that is all there is in the namespace that we are in: of "unshare -r", say.
void record_owners_if_needed(const Identity& identity) {
  if (fs::contiguous_ids(identity.uids) == 1 || fs::contiguous_ids(identity.gids) == 1) fs::record_owners();
}

}  // namespace

std::string_view to_string(IdentityMode mode) {
  switch (mode) {
    case IdentityMode::mapped:
      return "mapped";
    case IdentityMode::single:
      return "single";
    case IdentityMode::identity:
      return "identity";
    case IdentityMode::chroot:
      return "chroot";
    case IdentityMode::none:
      return "none";
  }
  return "none";
}

Result<IdentityRequest> identity_request() {
  const auto text_of = [](const char* path) -> Result<std::string> {
    auto text = posix::read_file(path);
    if (text || (text.error().kind() != ErrorKind::not_found && text.error().kind() != ErrorKind::denied))
      return text;
    return std::string{};
  };
  IdentityRequest request;
  if (const passwd* entry = ::getpwuid(::getuid())) request.user_name = entry->pw_name;
  request.subuid = TRY(text_of("/etc/subuid"));
  request.subgid = TRY(text_of("/etc/subgid"));
  request.search_path = Command{}.search_path;
  return request;
}

Result<Identity> enter_user_namespace(const IdentityRequest& request,
                                      const std::function<void()>& meanwhile) {
  Identity identity{.outer_uid = ::geteuid(), .outer_gid = ::getegid()};
  if (request.forced == IdentityMode::none) return read_back(std::move(identity));
  const bool is_root = identity.outer_uid == 0;
  if (!is_root && request.forced == IdentityMode::identity)
    return fail(ErrorKind::denied, "the identity mode needs root: user {} is not", identity.outer_uid);
  identity = TRY(is_root ? enter_as_root(std::move(identity), request, meanwhile)
                         : enter_as_user(std::move(identity), request, meanwhile));
  record_owners_if_needed(identity);
  return identity;
}

Result<Identity> join_user_namespace(const Fd& user_namespace) {
  Identity identity{.outer_uid = ::geteuid(), .outer_gid = ::getegid()};
  const struct stat theirs = TRY(posix::stat_fd(user_namespace));
  const struct stat ours = TRY(posix::stat_fd(TRY(posix::open("/proc/self/ns/user", O_RDONLY))));
  if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
    return enter_identity(std::move(identity));
  const MapChoice maps = choose_maps(TRY(identity_request()), identity.outer_uid, identity.outer_gid);
  if (::setns(user_namespace.get(), CLONE_NEWUSER) != 0)
    return fail_errno("cannot enter the user namespace of another process");
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno("cannot make a mount namespace");
  TRY(become_root());
  identity = TRY(read_back(std::move(identity)));
  const bool single = identity.uids.size() == 1 && identity.uids.front().size == 1;
  if (identity.outer_uid != 0 && !single) {
    // What is in the store has owners by our own maps.
    if (identity.uids != maps.uids || identity.gids != maps.gids)
      return fail(ErrorKind::unsupported, "the user namespace of the other process has other ids than ours");
  }
  identity.mode = single ? IdentityMode::single : IdentityMode::mapped;
  record_owners_if_needed(identity);
  return identity;
}

}  // namespace ecrin::run

#include "cli/working_mounts.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include "base/text.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

using Kind = build::WorkingMount::Kind;

std::unexpected<Error> mounted_elsewhere(const std::string& name) {
  return std::unexpected(
      Error(ErrorKind::conflict,
            fmt::format("working container '{}' is mounted in another 'ecrin unshare'", printable(name)))
          .hint("unmount it there, or leave that session: what was written becomes a step then too"));
}

// A process that was killed may have left only one half of it.
bool is_mounted(const std::string& path) {
  struct stat inside, outside;
  return ::stat(path.c_str(), &inside) == 0 && ::stat((path + "/..").c_str(), &outside) == 0 &&
         inside.st_dev != outside.st_dev;
}

// Where a live mount of another session is, an error; an overlay of this one is taken down.
Result<> take_down(build::WorkingMounts& mounts, const build::WorkingMount& mount,
                   const std::optional<SharedNamespace>& shared) {
  if (mount.kind == Kind::copy || !TRY(mounts.is_live(mount))) return {};
  if (!is_visible(mount, shared)) return mounted_elsewhere(mount.container);
  const std::string path = mounts.path(mount);
  if (::umount2(path.c_str(), 0) != 0 && is_mounted(path)) {
    auto error = fail_errno("cannot unmount '{}'", printable(path));
    return std::unexpected(
        std::move(error).error().hint("leave the directory in all shells and programs, and try again"));
  }
  return {};
}

Result<build::StepTimes> step_times(Session& session) {
  const build::BuildOptions options = TRY(step_options(session));
  return build::StepTimes{.epoch = options.epoch.value_or(0), .now = options.now};
}

// Where mounts can be seen, that is before another namespace is entered.
Result<std::optional<SharedNamespace>> stay(Session& session) {
  auto shared = shared_namespace(session.environment());
  if (shared) TRY(session.stay_in_namespace());
  return shared;
}

Result<> check_place(const Session& session, const std::optional<SharedNamespace>& shared) {
  if (shared || session.wanted_driver() == fs::DriverKind::copy) return {};
  return std::unexpected(
      Error(ErrorKind::unsupported,
            "a mount of an ordinary user is seen only in its own namespace, and this is none")
          .hint("run the script in one: ecrin unshare sh SCRIPT; or let it be a copy: ecrin --driver copy "
                "mount"));
}

}  // namespace

bool is_visible(const build::WorkingMount& mount, const std::optional<SharedNamespace>& shared) {
  return mount.kind == Kind::copy || (shared && shared->name == mount.name_space);
}

Result<std::string> mount_working(Session& session, const std::string& name, const CancelToken& cancel) {
  const auto shared = TRY(stay(session));
  build::Workshop* workshop = TRY(session.workshop());
  build::WorkingContainers containers(workshop->store());
  build::WorkingMounts mounts(workshop->store());
  const NamedLock lock = TRY(containers.lock(name, &cancel));
  build::WorkingContainer container = TRY(containers.need(name));
  if (const auto there = TRY(mounts.find(name))) {
    const bool live = TRY(mounts.is_live(*there));
    if (live && !is_visible(*there, shared)) return mounted_elsewhere(name);
    if (live && (there->kind == Kind::copy || is_mounted(mounts.path(*there)))) return mounts.path(*there);
    TRY(build::take_written(*workshop, container, *there, TRY(step_times(session)), cancel));
  }
  TRY(check_place(session, shared));
  std::optional<build::MountSession> place;
  if (shared) place = build::MountSession{.lease = shared->lease, .name_space = shared->name};
  return mounts.path(TRY(build::mount_container(*workshop, container, place, cancel)));
}

Result<> unmount_working(Session& session, const std::string& name, const CancelToken& cancel) {
  const auto shared = TRY(stay(session));
  build::Workshop* workshop = TRY(session.workshop());
  build::WorkingContainers containers(workshop->store());
  build::WorkingMounts mounts(workshop->store());
  const NamedLock lock = TRY(containers.lock(name, &cancel));
  build::WorkingContainer container = TRY(containers.need(name));
  const auto mount = TRY(mounts.find(name));
  if (!mount) return {};
  TRY(take_down(mounts, *mount, shared));
  return build::take_written(*workshop, container, *mount, TRY(step_times(session)), cancel);
}

Result<> drop_mount(Session& session, const std::string& name) {
  build::WorkingMounts mounts(TRY(session.workshop())->store());
  const auto mount = TRY(mounts.find(name));
  if (!mount) return {};
  TRY(take_down(mounts, *mount, shared_namespace(session.environment())));
  return mounts.remove(*mount);
}

}  // namespace ecrin::cli

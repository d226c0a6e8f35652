#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/network/loopback.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

Result<> make_symlink(Stage& stage, const SetupOp& op) {
  const auto [directory, name] = split_last(op.target);
  const Fd parent = TRY(open_target(stage, directory, TargetKind::directory));
  auto made = posix::symlink_at(op.source, parent, name);
  if (!made && made.error().code() != EEXIST) return made;
  return {};
}

Result<> perform_kind(Stage& stage, const SetupOp& op) {
  switch (op.kind) {
    case SetupKind::loopback_up:
      return bring_up_loopback();
    case SetupKind::root:
      return enter_root(stage, op);
    case SetupKind::mount:
      return mount_new(stage, op);
    case SetupKind::bind:
      return mount_bind(stage, op);
    case SetupKind::remount:
      return remount(stage, op);
    case SetupKind::own_cgroup:
      return mount_own_cgroup(stage, op);
    case SetupKind::device:
      return make_device(stage, op);
    case SetupKind::symlink:
      return make_symlink(stage, op);
    case SetupKind::file:
      return mount_file(stage, op);
    case SetupKind::directory:
      TRY(open_target(stage, op.target, TargetKind::directory));
      return {};
    case SetupKind::terminal:
      return make_terminal(stage, op);
    case SetupKind::mask:
      return mount_mask(stage, op);
    case SetupKind::read_only:
      return make_read_only(stage, op);
    case SetupKind::sysctl:
      return set_sysctl(stage, op);
    case SetupKind::hostname:
      if (::sethostname(op.source.data(), op.source.size()) != 0)
        return fail_errno("cannot set the host name '{}'", printable(op.source));
      return {};
    case SetupKind::domainname:
      if (::setdomainname(op.source.data(), op.source.size()) != 0)
        return fail_errno("cannot set the domain name '{}'", printable(op.source));
      return {};
    case SetupKind::root_read_only:
      return make_root_read_only(stage);
    case SetupKind::pivot:
      return pivot(stage);
    case SetupKind::move_root:
      return move_root(stage);
    case SetupKind::root_propagation:
      return propagate_root(op);
    case SetupKind::plain_root:
      return enter_plain_root(stage, op);
  }
  return fail(ErrorKind::invalid, "unknown operation in the stage's plan");
}

std::string describe(const SetupOp& op) {
  const std::string target = printable(op.target);
  switch (op.kind) {
    case SetupKind::mount:
      return fmt::format("mounting {} on '/{}' of the container", op.type, target);
    case SetupKind::remount:
      return fmt::format("changing the mount on '/{}' of the container", target);
    case SetupKind::own_cgroup:
      return fmt::format("providing the cgroup on '/{}' of the container", target);
    case SetupKind::device:
      return fmt::format("making the device '/{}' of the container", target);
    case SetupKind::sysctl:
      return fmt::format("setting '{}' in the container", target);
    case SetupKind::bind:
      return fmt::format("binding '{}' on '/{}' of the container", printable(op.source), target);
    case SetupKind::file:
      return fmt::format("providing '/{}' in the container", target);
    case SetupKind::directory:
      return fmt::format("making the working directory '/{}' in the container", target);
    case SetupKind::mask:
      return fmt::format("hiding '/{}' in the container", target);
    case SetupKind::read_only:
      return fmt::format("making '/{}' read-only in the container", target);
    default:
      return "setting up the container";
  }
}

}  // namespace

Result<> perform(Stage& stage, const SetupOp& op) {
  auto done = perform_kind(stage, op);
  if (done) return {};
  Error error = std::move(done).error();
  if (!op.hint.empty() && error.kind() == ErrorKind::denied)
    (void)std::move(error).hint(op.hint);  // in place, so the error is whole still
  // NOLINTNEXTLINE(bugprone-use-after-move)
  return std::unexpected(std::move(error).context(describe(op)));
}

}  // namespace ecrin::run::stage

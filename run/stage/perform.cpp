#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/loopback.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

Result<> make_symlink(Stage& stage, const SetupOp& op) {
  const std::size_t slash = op.target.rfind('/');
  const std::string directory = slash == std::string::npos ? std::string() : op.target.substr(0, slash);
  const std::string name = slash == std::string::npos ? op.target : op.target.substr(slash + 1);
  const Fd parent = TRY(open_target(stage, directory, TargetKind::directory));
  auto made = posix::symlink_at(op.source, parent, name);
  if (!made && made.error().code() != EEXIST) return made;
  return {};
}

Result<> set_sysctl(Stage& stage, const SetupOp& op) {
  const std::string path = "proc/sys/" + op.target;
  auto file = posix::open_in_root(stage.root, path, O_WRONLY);
  if (!file)
    return std::unexpected(
        std::move(file).error().hint("only settings of the container's own namespaces can be changed"));
  struct statfs file_system {};
  if (::fstatfs(file->get(), &file_system) != 0 || file_system.f_type != PROC_SUPER_MAGIC)
    return fail(ErrorKind::invalid, "'/{}' in the container is no kernel setting", printable(path));
  TRY_WHILE(posix::write_full(*file, std::string_view(op.source)), "setting '{}' to '{}'",
            printable(op.target), printable(op.source));
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
    case SetupKind::device:
      return mount_device(stage, op);
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
  }
  return fail(ErrorKind::invalid, "unknown operation in the stage's plan");
}

std::string describe(const SetupOp& op) {
  const std::string target = printable(op.target);
  switch (op.kind) {
    case SetupKind::mount:
      return fmt::format("mounting {} on '/{}' of the container", op.type, target);
    case SetupKind::bind:
    case SetupKind::device:
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

// What a process has in /proc of the host: there it is found by its own descriptor, as the container's /proc
// may be anything, or nothing.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

Result<> write_to(const Fd& process, const std::string& name, const std::string& text) {
  const Fd file = TRY(posix::open_at(process, name, O_WRONLY));
  return posix::write_full(file, std::string_view(text));
}

}  // namespace

Result<> set_oom_score(const ProcessPlan& process) {
  if (!process.oom_score_adj) return {};
  const std::string wanted = std::to_string(*process.oom_score_adj);
  const std::string path = "/proc/self/oom_score_adj";
  const auto present = posix::read_file(path, 64);
  if (present && trim(*present) == wanted) return {};
  const Fd file = TRY(posix::open(path, O_WRONLY));
  auto written = posix::write_full(file, std::string_view(wanted));
  if (written) return {};
  auto error =
      Error::from_errno(written.error().code(), fmt::format("cannot set oom_score_adj to {}", wanted));
  if (written.error().kind() == ErrorKind::denied)
    return std::unexpected(
        std::move(error).hint("only the host's administrator can make it lower than it is for this process"));
  return std::unexpected(std::move(error));
}

Result<> open_host_proc(Stage& stage) {
  const ProcessPlan& process = stage.plan.process;
  const bool has_label = !process.apparmor_profile.empty() || !process.selinux_label.empty();
  const bool ends_children = stage.plan.init && !stage.plan.pid_namespace;
  if (!has_label && !stage.gate && !ends_children) return {};
  stage.proc = TRY(posix::open("/proc", O_PATH | O_DIRECTORY));
  struct statfs file_system {};
  if (::fstatfs(stage.proc.get(), &file_system) == 0 && file_system.f_type == PROC_SUPER_MAGIC) return {};
  if (has_label) return fail(ErrorKind::unsupported, "there is no /proc, which a label of a process needs");
  stage.proc.reset();
  return {};
}

Result<> set_exec_labels(const Stage& stage) {
  const ProcessPlan& process = stage.plan.process;
  if (!process.selinux_label.empty())
    TRY_WHILE(write_to(stage.proc, "self/attr/exec", process.selinux_label), "setting the SELinux label '{}'",
              printable(process.selinux_label));
  if (process.apparmor_profile.empty()) return {};
  const std::string text = "exec " + process.apparmor_profile;
  auto written = write_to(stage.proc, "self/attr/apparmor/exec", text);
  // Before Linux 5.8 there is one file for all modules.
  if (!written && written.error().code() == ENOENT) written = write_to(stage.proc, "self/attr/exec", text);
  if (written) return {};
  return std::unexpected(std::move(written).error().context(
      fmt::format("setting the AppArmor profile '{}'", printable(process.apparmor_profile))));
}

}  // namespace ecrin::run::stage

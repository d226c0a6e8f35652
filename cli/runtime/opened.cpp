#include "cli/runtime/opened.hpp"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "oci/runtime_config_json.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/container_processes.hpp"
#include "run/hooks.hpp"
#include "run/shared_mounts.hpp"

#include <nlohmann/json.hpp>

namespace ecrin::cli {

Result<OpenedContainer> open_container(const RuntimeContext& context, const std::string& id,
                                       Changes changes) {
  run::ContainerDirectory directory = TRY(run::ContainerDirectory::open(context.root, id));
  if (changes == Changes::yes) TRY(directory.lock());
  OpenedContainer container{
      .directory = std::move(directory), .record = {}, .status = run::ContainerStatus::stopped};
  TRY(read_again(container));
  return container;
}

Result<> read_again(OpenedContainer& container) {
  container.record = TRY(container.directory.read());
  container.status = TRY(container.directory.status(container.record));
  return {};
}

std::string hook_state(const run::ContainerRecord& record, std::string_view status, pid_t pid) {
  Json state = run::state_document(record, run::ContainerStatus::created);
  state["status"] = std::string(status);
  if (pid > 0) {
    state["pid"] = pid;
  } else {
    state.erase("pid");
  }
  return dump_json(state);
}

Result<unsigned> preserved_descriptors(const RuntimeContext& context, const Arguments& arguments,
                                       std::vector<std::string>& program_environment) {
  constexpr unsigned k_most = 4096;
  unsigned count = 0;
  if (const auto asked = arguments.find("preserve-fds"))
    count = static_cast<unsigned>(TRY_WHILE(parse_unsigned(*asked, k_most), "reading --preserve-fds"));
  const auto passed = context.environment("LISTEN_FDS");
  const auto listener = context.environment("LISTEN_PID");
  if (!passed || (listener && *listener != std::to_string(::getpid()))) return count;
  const auto more = parse_unsigned(*passed, k_most);
  if (!more || *more == 0) return count;
  program_environment.push_back("LISTEN_FDS=" + *passed);
  program_environment.emplace_back("LISTEN_PID=1");
  return count + static_cast<unsigned>(*more);
}

void use_all_processors() {
  constexpr std::size_t k_most = 8192;
  std::array<unsigned char, k_most / 8> all;
  all.fill(0xff);
  // The kernel takes those of them that there are.
  (void)::sched_setaffinity(0, all.size(), reinterpret_cast<const cpu_set_t*>(all.data()));
}

Result<> remove_container(OpenedContainer& container) {
  const run::ContainerCgroup cgroup(container.record.cgroup);
  if (container.record.shares_mounts) TRY(run::take_off_mounts(container.record.rootfs));
  TRY_WHILE(cgroup.remove(), "deleting the container");
  if (container.record.late_hooks) {
    const oci::RuntimeConfig config = TRY(oci::parse_runtime_config(TRY(container.directory.read_config())));
    run::run_late_hooks(config.hooks.poststop, "poststop", hook_state(container.record, "stopped", 0));
  }
  return container.directory.remove();
}

}  // namespace ecrin::cli

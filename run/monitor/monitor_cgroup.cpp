#include <nlohmann/json.hpp>

#include "run/monitor/container_usage.hpp"
#include "run/monitor/monitor_state.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_what = "a request to a container's monitor";

std::unexpected<Error> not_running() {
  return fail(ErrorKind::conflict, "the container is not running");
}

}  // namespace

Result<> Monitor::State::pause() {
  if (!container) return not_running();
  if (state.status != LifeStatus::running)
    return fail(ErrorKind::conflict, "the container is {}, not running", to_string(state.status));
  const Cgroup* cgroup = TRY(watched.cgroup());
  TRY(cgroup->container().freeze());
  // A check that is under way takes part in the pause.
  check_at.reset();
  check_ends_at.reset();
  state.status = LifeStatus::paused;
  save();
  return {};
}

Result<> Monitor::State::unpause() {
  if (!container) return not_running();
  if (state.status != LifeStatus::paused) return fail(ErrorKind::conflict, "the container is not paused");
  const Cgroup* cgroup = TRY(watched.cgroup());
  TRY(cgroup->container().thaw());
  const auto now = std::chrono::steady_clock::now();
  if (check) {
    check_ends_at = now + options.health.timeout;
  } else if (!options.health.args.empty()) {
    check_at = now + options.health.interval;
  }
  state.status = LifeStatus::running;
  save();
  return {};
}

Result<> Monitor::State::update(const Json& request) {
  std::optional<RestartPolicy> policy;
  if (const auto text = TRY(json_string(request, "restart", k_what)))
    policy = TRY(parse_restart_policy(*text));
  const auto words = TRY(json_strings(request, "limits", k_what)).value_or(std::vector<std::string>{});
  if (!words.empty()) TRY(watched.update(words));
  if (policy) options.restart = *policy;
  return {};
}

Result<Json> Monitor::State::usage() const {
  if (!container) return not_running();
  const auto cgroup = watched.cgroup();
  ContainerUsage usage = TRY(read_usage(container->pid(), cgroup ? &(*cgroup)->container() : nullptr));
  usage.started = state.started;
  return to_json(usage);
}

}  // namespace ecrin::run

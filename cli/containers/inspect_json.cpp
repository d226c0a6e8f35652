#include "cli/containers/inspect_json.hpp"

#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/names.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "cli/containers/port_lines.hpp"
#include "cli/containers/shown_mounts.hpp"
#include "cli/containers/stored_request.hpp"
#include "run/monitor/container_log.hpp"

namespace ecrin::cli {
namespace {

using run::LifeStatus;

std::string time_text(std::int64_t nanoseconds) {
  return nanoseconds == 0 ? "0001-01-01T00:00:00Z" : run::format_log_time(nanoseconds);
}

Json state_json(const run::ContainerState& state) {
  const bool paused = state.status == LifeStatus::paused;
  const bool alive = is_active(state) && !paused && state.status != LifeStatus::restarting;
  Json json = {{"Status", run::to_string(state.status)},
               {"Running", alive},
               {"Paused", paused},
               {"Restarting", state.status == LifeStatus::restarting},
               {"OOMKilled", state.out_of_memory},
               {"Dead", false},
               {"Pid", state.pid},
               {"ConmonPid", is_active(state) ? state.monitor : 0},
               {"ExitCode", state.exit_code},
               {"Error", state.error},
               {"StartedAt", time_text(state.started)},
               {"FinishedAt", time_text(state.finished)}};
  json["Health"] = {{"Status", state.health}, {"FailingStreak", state.failing}, {"Log", Json::array()}};
  return json;
}

std::string_view type_word(MountSpec::Type type) {
  switch (type) {
    case MountSpec::Type::bind:
      return "bind";
    case MountSpec::Type::volume:
      return "volume";
    case MountSpec::Type::image:
      return "image";
    case MountSpec::Type::tmpfs:
      return "tmpfs";
  }
  return "";
}

// The name of podman and docker for where it may be found.
Json mount_json(const MountSpec& mount, const std::string& store) {
  const bool is_volume = mount.type == MountSpec::Type::volume;
  const bool read_only = std::ranges::find(mount.options, "ro") != mount.options.end();
  std::string propagation;
  for (const std::string& option : mount.options)
    if (option.ends_with("private") || option.ends_with("shared") || option.ends_with("slave"))
      propagation = option;
  Json json = {
      {"Type", type_word(mount.type)},
      {"Source", is_volume && !mount.source.empty() ? fmt::format("{}/volumes/{}/data", store, mount.source)
                                                    : mount.source},
      {"Destination", mount.destination},
      {"Driver", is_volume ? "local" : ""},
      {"Mode", ""},
      {"Options", mount.options},
      {"RW", !read_only},
      {"Propagation", propagation}};
  if (is_volume) json["Name"] = mount.source;
  return json;
}

template <class T>
Json or_zero(const std::optional<T>& value) {
  return value ? Json(*value) : Json(0);
}

Json host_config_json(const StoredRequest& stored, const std::string& directory, Json ports) {
  const ContainerRequest& request = stored.request;
  const oci::Resources& resources = request.resources;
  Json binds = Json::array();
  for (const MountSpec& mount : request.mounts) {
    if (mount.type == MountSpec::Type::tmpfs) continue;
    binds.push_back(fmt::format("{}:{}:{}", mount.source, mount.destination, join(mount.options, ",")));
  }
  const run::RestartPolicy& restart = request.life.restart;
  const std::string policy = run::to_string(restart);
  const bool logs = request.life.log_size > 0;
  std::int64_t nano_cpus = 0;
  if (resources.cpu.quota && resources.cpu.period)
    nano_cpus = *resources.cpu.quota * 1'000'000'000 / static_cast<std::int64_t>(*resources.cpu.period);
  return {{"Binds", std::move(binds)},
          {"LogConfig",
           {{"Type", logs ? "k8s-file" : "none"},
            {"Path", logs ? directory + "/log" : ""},
            {"Size", human_size(request.life.log_size)}}},
          {"NetworkMode", stored.networks.front()},
          {"PortBindings", std::move(ports)},
          {"RestartPolicy",
           {{"Name", policy.substr(0, policy.find(':'))}, {"MaximumRetryCount", restart.most.value_or(0)}}},
          {"AutoRemove", request.life.remove},
          {"CapAdd", request.cap_add},
          {"CapDrop", request.cap_drop},
          {"ReadonlyRootfs", request.read_only},
          {"Init", request.init},
          {"Privileged", false},
          {"Memory", or_zero(resources.memory.limit)},
          {"MemoryReservation", or_zero(resources.memory.reservation)},
          {"MemorySwap", or_zero(resources.memory.swap)},
          {"NanoCpus", nano_cpus},
          {"CpuShares", or_zero(resources.cpu.shares)},
          {"CpuPeriod", or_zero(resources.cpu.period)},
          {"CpuQuota", or_zero(resources.cpu.quota)},
          {"CpusetCpus", resources.cpu.cpus},
          {"CpusetMems", resources.cpu.mems},
          {"PidsLimit", or_zero(resources.pids)}};
}

Json config_json(const run::StoredContainer& record, const StoredRequest& stored,
                 const oci::RuntimeConfig& config) {
  const ContainerRequest& request = stored.request;
  std::vector<std::string> command = {"ecrin", "run"};
  command.insert(command.end(), stored.words.begin(), stored.words.end());
  Json volumes = Json::object();
  for (const std::string& volume : stored.image.volumes) volumes[volume] = Json::object();
  const int image_signal = parse_signal(stored.image.stop_signal).value_or(SIGTERM);
  const std::vector<std::string> entrypoint =
      request.entrypoint.value_or(stored.image.entrypoint.value_or(std::vector<std::string>{}));
  std::vector<std::string> cmd = config.process.args;
  cmd.erase(cmd.begin(), cmd.begin() + static_cast<std::ptrdiff_t>(std::min(entrypoint.size(), cmd.size())));
  return {{"Hostname", request.hostname.empty() ? short_id(record.id) : request.hostname},
          {"User", request.user.value_or(stored.image.user)},
          {"Tty", request.terminal},
          {"OpenStdin", request.interactive},
          {"Env", config.process.env},
          {"Cmd", cmd},
          {"Entrypoint", entrypoint},
          {"Image", record.image},
          {"WorkingDir", config.process.cwd},
          {"Volumes", std::move(volumes)},
          {"Labels", Json(record.labels)},
          {"Annotations", Json::object()},
          {"StopSignal", signal_name(request.life.stop_signal.value_or(image_signal))},
          {"StopTimeout", request.life.stop_timeout.count()},
          {"CreateCommand", std::move(command)}};
}

}  // namespace

Result<Json> inspect_container(Containers& containers, const run::StoredContainer& record,
                               const std::string& driver) {
  const StoredRequest stored = TRY(decode_request(record.request));
  const oci::RuntimeConfig config = TRY(runtime_config(stored.request, stored.image));
  const std::string store = containers.store().path();
  const std::string directory = fmt::format("{}/containers/{}", store, record.id);
  Json mounts = Json::array();
  for (const MountSpec& mount : TRY(shown_mounts(containers, record, stored)))
    mounts.push_back(mount_json(mount, store));
  std::vector<std::string> lowers;
  for (auto layer = record.layers.rbegin(); layer != record.layers.rend(); ++layer)
    lowers.push_back(fmt::format("{}/layers/{}/diff", store, *layer));
  const std::vector<std::string>& args = config.process.args;
  const std::vector<run::PublishedPort> ports = shown_ports(record, stored);
  std::vector<run::ExposedPort> exposed = stored.request.network.exposed;
  for (const std::string& text : stored.image.exposed_ports)
    if (const auto of_image = run::parse_exposed_ports(text))
      exposed.insert(exposed.end(), of_image->begin(), of_image->end());
  Json json = {{"Id", record.id},
               {"Created", time_text(record.created)},
               {"Path", args.front()},
               {"Args", std::vector<std::string>(args.begin() + 1, args.end())},
               {"State", state_json(record.state)},
               {"Image", record.image_id.substr(record.image_id.find(':') + 1)},
               {"ImageDigest", record.manifest},
               {"ImageName", record.image},
               {"Rootfs", stored.request.is_rootfs ? stored.request.image : ""},
               {"Name", record.name},
               {"RestartCount", record.state.restarts},
               {"Driver", driver},
               {"GraphDriver",
                {{"Name", driver},
                 {"Data",
                  {{"LowerDir", join(lowers, ":")},
                   {"UpperDir", directory + "/upper"},
                   {"MergedDir", directory + "/scratch/merged"}}}}},
               {"Mounts", std::move(mounts)},
               {"LogPath", stored.request.life.log_size > 0 ? directory + "/log" : ""},
               {"NetworkSettings", {{"Ports", port_bindings(ports, exposed)}, {"Networks", Json::object()}}},
               {"Config", config_json(record, stored, config)},
               {"HostConfig", host_config_json(stored, directory, port_bindings(ports, {}))}};
  for (const std::string& network : stored.networks)
    json["NetworkSettings"]["Networks"][network] = Json::object();
  return json;
}

}  // namespace ecrin::cli

// Launch: one container on its way to a running program and back: its tree, its network, its volumes. A
// monitor starts it, again for each restart.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "build/workshop.hpp"
#include "cli/container_mounts.hpp"
#include "cli/containers/stored_request.hpp"
#include "cli/network_session.hpp"
#include "cli/person.hpp"
#include "cli/session.hpp"
#include "fs/fuse/traced_tree.hpp"
#include "run/container.hpp"
#include "run/exec.hpp"
#include "run/monitor/container_place.hpp"
#include "run/monitor/container_record.hpp"

namespace ecrin::cli {

/// What is opened before anything else is done, and before the user namespace is entered: the network that
/// others have too, and the place for the limits. What cannot be had is refused here.
struct StartSurroundings {
  OpenedNetwork network;
  std::shared_ptr<run::CgroupPlace> cgroups;
  std::optional<Error> no_cgroup;  // why there are none, and what the user can do
  Person person;                   // who starts it; inside the user namespace everybody is root
  /// A container that others will look after gets a cgroup where that is possible, so that it can be paused,
  /// counted and limited later; with limits, and for systemd, each gets one, or is refused.
  enum class Cgroups { for_limits, where_possible };
  static Result<StartSurroundings> open(Session& session, const ContainerRequest& request, Cgroups cgroups);
};

class Launch {
public:
  Launch(Session& session, build::Workshop& workshop, const run::StoredContainer& record,
         const ContainerRequest& request, const oci::ImageConfig& image, const run::ContainerPlace& place,
         StartSurroundings& surroundings);
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  ~Launch();

  Result<run::Container> start(run::Stdio stdio);
  /// One more program, as `ecrin exec` asks for it (exec_request.hpp).
  Result<run::ExecProcess> exec(const Json& request, run::Stdio stdio, const run::Container& container);
  /// Was a process of it killed because its limit of memory was reached?
  bool ran_out_of_memory() const;
  Result<const run::Cgroup*> cgroup() const;
  /// Other limits (update_request.hpp), now and for later starts.
  Result<> update(const std::vector<std::string>& words);
  /// A named network, as --network has it; and by its name. For later starts, too.
  Result<> connect(const std::string& network, const run::Container& container);
  Result<> disconnect(const std::string& network, const run::Container& container);
  /// As they were chosen at the last start, by this monitor or an earlier one.
  const std::vector<run::PublishedPort>& ports() const { return m_ports; }
  /// Takes everything down again, after the last of its processes.
  void ended();
  /// What of the last end somebody must hear; "" = nothing.
  const std::string& trouble() const { return m_trouble; }

private:
  Result<> open_tree();
  Result<> renew_resolver(const run::Container& container) const;
  Result<> open_cgroup(run::ContainerOptions& options);
  Result<run::ContainerOptions> options(run::Stdio stdio);
  Result<> prepare_systemd(oci::RuntimeConfig& config);
  Result<> prepare_hooks(run::ContainerOptions& options);
  std::string state_text(std::string_view status, pid_t pid) const;
  Result<> choose_user(run::ContainerOptions& options, const Fd& rootfs);
  Session& m_session;
  build::Workshop& m_workshop;
  const run::StoredContainer& m_record;
  const ContainerRequest& m_request;
  const oci::ImageConfig& m_image;
  const run::ContainerPlace& m_place;
  std::shared_ptr<run::CgroupPlace> m_cgroups;
  std::optional<Error> m_no_cgroup;
  std::optional<run::Cgroup> m_cgroup;
  oci::Resources m_resources;
  std::vector<run::PublishedPort> m_ports;
  std::string m_root;                           // path of the tree
  oci::RuntimeProcess m_process;                // the container's own
  oci::Capabilities m_capabilities;             // of its root
  std::optional<oci::SeccompConfig> m_seccomp;  // of a profile
  oci::Hooks m_hooks;
  bool m_own_home = false;  // somebody said what HOME is
  std::unique_ptr<fs::MountedTree> m_tree;
  fs::TracedTree* m_traced = nullptr;  // that tree, when its use is recorded
  bool m_has_run = false;              // on that tree
  std::string m_trouble;
  std::optional<ContainerMounts> m_mounts;
  const Person& m_person;
  OpenedNetwork& m_opened;
  run::NetworkRequest m_wanted_network;
  std::optional<run::ContainerNetwork> m_network;
  std::vector<std::string> m_mount_points;  // made in a directory of the user's
};

/// The layers that a container's tree stands on, bottom first.
Result<std::vector<fs::Layer>> container_layers(build::Workshop& workshop,
                                                const run::StoredContainer& record);

/// The tree of a container: its layers, and what was written to it before.
struct ContainerTree {
  std::string path;
  std::unique_ptr<fs::MountedTree> mount = nullptr;  // nullptr: it stays as it is
  fs::TracedTree* traced = nullptr;                  // the same, when it was asked for
};
enum class Traced { no, yes };
Result<ContainerTree> open_container_tree(build::Workshop& workshop, const run::StoredContainer& record,
                                          const run::ContainerPlace& place, Traced traced = Traced::no);
/// What a container uses of its image can be recorded here, or the error says why not.
Result<> check_tracing(build::Workshop& workshop);
/// After the tree was taken down: what was used of the image is kept with it (build/run_traces.hpp).
Result<> keep_trace(build::Workshop& workshop, const run::StoredContainer& record, fs::TracedTree& tree);

}  // namespace ecrin::cli

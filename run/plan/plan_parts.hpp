// The parts of make_setup_plan (setup_plan.hpp), each about one concept. Pure.
#pragma once

#include "run/plan/mount_options.hpp"
#include "run/plan/setup_plan.hpp"

namespace ecrin::run {

/// Namespaces that the container has together with the runtime.
struct SharedNamespaces {
  bool pid, network, ipc, uts, cgroup, user;
};

/// What a part is made from, and the plan that it adds to.
struct PlanParts {
  const oci::RuntimeConfig& config;
  const PlanFacts& facts;
  const PlanRequest& request;
  SharedNamespaces shared{};
  ContainerPlan plan;
  std::vector<std::string> read_only_later;  // mounts that others are mounted in before

  void add(SetupOp op) { plan.setup.ops.push_back(std::move(op)); }
  void add(SetupKind kind, std::string target, std::string source = "") {
    add({.kind = kind, .target = std::move(target), .source = std::move(source)});
  }
};

/// An absolute path of the container as the stage wants it: without "/" in front, without ".", ".." and
/// doubled slashes.
Result<std::string> path_in_root(const std::string& path, std::string_view what);

/// The mounts in their order; with /dev its devices.
Result<> plan_mounts(PlanParts& parts);
/// "cgroup": what this host has of them. `op` is the mount as any other.
void plan_cgroups(PlanParts& parts, SetupOp op);
/// /dev/null and the others that every container has, and the links beside them.
void plan_default_devices(PlanParts& parts);
/// linux.devices
Result<> plan_devices(PlanParts& parts);
/// linux.sysctl
Result<> plan_sysctls(PlanParts& parts);
/// hostname, domainname
Result<> plan_names(PlanParts& parts);

}  // namespace ecrin::run

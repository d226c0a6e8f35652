// The parts of config.json, by concept: each has a reader and a writer in a file of its own.
#pragma once

#include <span>

#include "oci/json_property.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::oci {

// For the templates of json_property.hpp.
Result<> read_value(const JsonProperty& property, RuntimeConfig& config);
Result<> read_value(const JsonProperty& property, RuntimeProcess& process);
Result<> read_value(const JsonProperty& property, Rlimit& limit);
Result<> read_value(const JsonProperty& property, Capabilities& capabilities);
Result<> read_value(const JsonProperty& property, Scheduler& scheduler);
Result<> read_value(const JsonProperty& property, IoPriority& priority);
Result<> read_value(const JsonProperty& property, CpuAffinity& affinity);
Result<> read_value(const JsonProperty& property, ConsoleSize& size);
Result<> read_value(const JsonProperty& property, RuntimeMount& mount);
Result<> read_value(const JsonProperty& property, Hook& hook);
Result<> read_value(const JsonProperty& property, Hooks& hooks);
Result<> read_value(const JsonProperty& property, IdMapping& mapping);
Result<> read_value(const JsonProperty& property, Device& device);
Result<> read_value(const JsonProperty& property, Personality& personality);
Result<> read_value(const JsonProperty& property, TimeOffset& offset);
Result<> read_value(const JsonProperty& property, IntelRdt& rdt);
Result<> read_value(const JsonProperty& property, SeccompConfig& seccomp);
Result<> read_value(const JsonProperty& property, SeccompRule& rule);
Result<> read_value(const JsonProperty& property, SeccompArgument& argument);
Result<> read_value(const JsonProperty& property, Resources& resources);
Result<> read_value(const JsonProperty& property, MemoryResources& memory);
Result<> read_value(const JsonProperty& property, CpuResources& cpu);
Result<> read_value(const JsonProperty& property, BlockIoResources& block_io);
Result<> read_value(const JsonProperty& property, HugepageLimit& limit);
Result<> read_value(const JsonProperty& property, NetworkResources& network);
Result<> read_value(const JsonProperty& property, RdmaLimit& limit);
Result<> read_value(const JsonProperty& property, DeviceRule& rule);
/// What stands under "linux".
Result<> read_linux(const JsonProperty& linux, RuntimeConfig& config);

/// The points of a container's life at which hooks run, in order.
struct HookMoment {
  const char* name;
  std::vector<Hook> Hooks::*hooks;
};
std::span<const HookMoment> hook_moments();

// The words that are read, in alphabetical order.
std::vector<std::string> hook_names();
std::vector<std::string> namespace_names();

Json runtime_process_json(const RuntimeProcess& process);
Json hooks_json(const Hooks& hooks);
Json id_mappings_json(const std::vector<IdMapping>& mappings);
Json linux_json(const RuntimeConfig& config);
Json resources_json(const Resources& resources);
Json seccomp_json(const SeccompConfig& seccomp);

}  // namespace ecrin::oci

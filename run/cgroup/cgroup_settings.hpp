// From Resources to the files of a cgroup and what is written to them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "oci/resources.hpp"

namespace ecrin::run {

/// The kernel's period of processor time, in microseconds, where none is said.
constexpr std::uint64_t k_usual_period = 100'000;

struct CgroupSetting {
  std::string property;    // what asks for it, below linux.resources: "memory.limit"
  std::string controller;  // "memory"
  std::string file;        // "memory.max"
  std::string value;
  bool optional = false;  // nothing is lost where the kernel has no such file
  // Where the kernel has no such file: another one with the same meaning.
  std::string other_file = {};
  std::string other_value = {};
  bool operator==(const CgroupSetting&) const = default;
};

/// For version 2. ErrorKind::invalid: what contradicts itself; ErrorKind::unsupported: what version 2 does
/// not have. As everywhere, 0 is nothing asked for, where it cannot be meant.
Result<std::vector<CgroupSetting>> cgroup_settings(const oci::Resources& resources);
/// The same for version 1.
Result<std::vector<CgroupSetting>> cgroup_settings_version1(const oci::Resources& resources);
/// As much swap as memory, for a container of which only the memory was limited (version 2).
std::optional<CgroupSetting> usual_swap(const oci::MemoryResources& memory);
/// Their controllers, sorted, each once.
std::vector<std::string> needed_controllers(const std::vector<CgroupSetting>& settings);

/// cpu.weight for shares of version 1: 2 is 1, 1024 (the usual value) is 100 (the usual value), 262144 is
/// 10000, and between them the logarithm of one goes with the logarithm of the other.
std::uint64_t cpu_weight(std::uint64_t shares);

/// "killed: out of memory (limit 64m)"
std::string out_of_memory_message(const oci::Resources& resources);

}  // namespace ecrin::run

// From Resources to the files of a cgroup (version 2) and what is written to them. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "oci/resources.hpp"

namespace ecrin::run {

struct CgroupSetting {
  std::string controller;  // "memory"
  std::string file;        // "memory.max"
  std::string value;
  bool optional = false;  // not asked for in words: left out where the kernel has no such file
  bool operator==(const CgroupSetting&) const = default;
};

/// ErrorKind::invalid when limits contradict each other.
Result<std::vector<CgroupSetting>> cgroup_settings(const oci::Resources& resources);
/// Their controllers, sorted, each once.
std::vector<std::string> needed_controllers(const std::vector<CgroupSetting>& settings);

/// cpu.weight for shares of version 1: 2 is 1, 1024 (the usual value) is 100 (the usual value), 262144 is
/// 10000, and between them the logarithm of one goes with the logarithm of the other.
std::uint64_t cpu_weight(std::uint64_t shares);

/// "killed: out of memory (limit 64m)"
std::string out_of_memory_message(const oci::Resources& resources);

}  // namespace ecrin::run

// Resources: how much a container may use, in the words of the runtime-spec (config-linux.md, "resources"):
// the part of it that cgroup v2 has and that people ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ecrin::oci {

constexpr std::int64_t k_unlimited = -1;

struct MemoryResources {
  std::optional<std::int64_t> limit;        // bytes
  std::optional<std::int64_t> reservation;  // bytes that are taken away last
  std::optional<std::int64_t> swap;         // bytes of memory and swap together; none: as much swap as memory
  bool operator==(const MemoryResources&) const = default;
};

struct CpuResources {
  std::optional<std::uint64_t> shares;  // 2 to 262144; 1024 is what others have
  std::optional<std::int64_t> quota;    // microseconds of processor time in each period
  std::optional<std::uint64_t> period;  // microseconds
  std::string cpus;                     // "0-2,4"
  std::string mems;                     // the same for memory nodes
  bool operator==(const CpuResources&) const = default;
};

struct Resources {
  MemoryResources memory;
  CpuResources cpu;
  std::optional<std::int64_t> pids;  // processes and threads at once
  bool operator==(const Resources&) const = default;
  /// Nothing is asked for: no cgroup is needed.
  bool empty() const { return *this == Resources{}; }
};

}  // namespace ecrin::oci

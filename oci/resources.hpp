// Resources: how much a container may use, in the words of the runtime-spec (config-linux.md, "resources").
// Some of it exists in cgroup v1 only, some in v2 only: run/ says so where it cannot be had.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ecrin::oci {

constexpr std::int64_t k_unlimited = -1;

struct MemoryResources {
  std::optional<std::int64_t> limit;               // bytes
  std::optional<std::int64_t> reservation;         // bytes that are taken away last
  std::optional<std::int64_t> swap;                // bytes of memory and swap together
  std::optional<std::int64_t> kernel, kernel_tcp;  // bytes; v1, and ignored by kernels of today
  std::optional<std::uint64_t> swappiness;         // 0 to 100; v1
  bool disable_oom_killer = false;                 // v1
  bool check_before_update = false;                // an update to less than what is used is refused
  bool operator==(const MemoryResources&) const = default;
};

struct CpuResources {
  std::optional<std::uint64_t> shares;           // 2 to 262144; 1024 is what others have
  std::optional<std::int64_t> quota;             // microseconds of processor time in each period
  std::optional<std::uint64_t> period;           // microseconds
  std::optional<std::uint64_t> burst;            // microseconds
  std::optional<std::int64_t> realtime_runtime;  // microseconds; v1
  std::optional<std::uint64_t> realtime_period;  // microseconds; v1
  std::optional<std::int64_t> idle;              // 1: SCHED_IDLE for all in it
  std::string cpus;                              // "0-2,4"
  std::string mems;                              // the same for memory nodes
  bool operator==(const CpuResources&) const = default;
};

/// A value for one block device.
struct BlockDeviceValue {
  std::int64_t major = 0, minor = 0;
  std::uint64_t value = 0;  // a weight, bytes or operations a second
  bool operator==(const BlockDeviceValue&) const = default;
};

struct BlockIoResources {
  std::optional<std::uint16_t> weight, leaf_weight;  // 10 to 1000
  std::vector<BlockDeviceValue> weight_devices, leaf_weight_devices;
  std::vector<BlockDeviceValue> read_bytes, write_bytes, read_operations, write_operations;  // a second
  bool operator==(const BlockIoResources&) const = default;
};

struct HugepageLimit {
  std::string page_size;    // "2MB"
  std::uint64_t limit = 0;  // bytes
  bool operator==(const HugepageLimit&) const = default;
};

/// v1
struct NetworkResources {
  std::optional<std::uint32_t> class_id;
  std::map<std::string, std::uint32_t> priorities;  // by interface
  bool operator==(const NetworkResources&) const = default;
};

struct RdmaLimit {
  std::optional<std::uint32_t> handles, objects;
  bool operator==(const RdmaLimit&) const = default;
};

/// A rule of the device cgroup; nothing named means all.
struct DeviceRule {
  bool allow = false;
  char type = 'a';                           // 'a', 'b', 'c'
  std::optional<std::int64_t> major, minor;  // none: all
  std::string access = "rwm";
  bool operator==(const DeviceRule&) const = default;
};

struct Resources {
  MemoryResources memory;
  CpuResources cpu;
  std::optional<std::int64_t> pids;  // processes and threads at once
  BlockIoResources block_io;
  std::vector<HugepageLimit> hugepages;
  NetworkResources network;
  std::map<std::string, RdmaLimit> rdma;       // by device
  std::map<std::string, std::string> unified;  // v2: file of the cgroup to its text
  std::vector<DeviceRule> devices;
  bool operator==(const Resources&) const = default;
  /// Nothing is asked for: no cgroup is needed.
  bool empty() const { return *this == Resources{}; }
};

}  // namespace ecrin::oci

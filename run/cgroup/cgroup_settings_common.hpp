// What the settings of both versions of cgroups have in common.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "run/cgroup/cgroup_settings.hpp"

namespace ecrin::run {

/// 0 is what engines write where nothing is asked for.
template <class Number>
std::optional<Number> asked(const std::optional<Number>& value) {
  return value && *value != 0 ? value : std::nullopt;
}

/// Weights are 10 to 1000.
Result<> check_weights(const oci::BlockIoResources& block_io);
void add_pids(std::vector<CgroupSetting>& settings, const oci::Resources& resources);
/// `file`: "max", "limit_in_bytes".
Result<> add_hugepages(std::vector<CgroupSetting>& settings, const oci::Resources& resources,
                       std::string_view file);
void add_rdma(std::vector<CgroupSetting>& settings, const oci::Resources& resources);

}  // namespace ecrin::run

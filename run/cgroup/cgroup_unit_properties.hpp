// From the settings of a cgroup to properties of the unit that owns it, so that systemd does not undo them.
// Those that it has no property for are set in the files alone. Pure.
#pragma once

#include <vector>

#include "run/cgroup/cgroup_settings.hpp"
#include "run/cgroup/systemd_scope.hpp"

namespace ecrin::run {

/// Of settings of either version.
std::vector<UnitProperty> unit_properties(const std::vector<CgroupSetting>& settings);

}  // namespace ecrin::run

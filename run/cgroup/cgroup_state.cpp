#include "run/cgroup/cgroup_state.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace ecrin::run {
namespace {

constexpr std::string_view k_what = "state of a cgroup";

}  // namespace

Json cgroup_state_to_json(const CgroupState& state) {
  Json directories = Json::array();
  for (const CgroupDirectory& directory : state.directories)
    directories.push_back({{"controllers", directory.controllers}, {"path", directory.path}});
  return {{"version", state.version}, {"directories", directories}, {"unit", state.unit}, {"bus", state.bus}};
}

Result<CgroupState> cgroup_state_from_json(const Json& json) {
  if (!json.is_object()) return fail(ErrorKind::invalid, "the {} is no object", k_what);
  CgroupState state;
  const auto version = TRY(json_integer(json, "version", k_what)).value_or(0);
  if (version < 0 || version > 2) return fail(ErrorKind::invalid, "the {} is of version {}", k_what, version);
  state.version = static_cast<int>(version);
  state.unit = TRY(json_string(json, "unit", k_what)).value_or("");
  state.bus = TRY(json_string(json, "bus", k_what)).value_or("");
  if (const Json* directories = TRY(json_array(json, "directories", k_what)))
    for (const Json& entry : *directories) {
      if (!entry.is_object())
        return fail(ErrorKind::invalid, "the {} has a directory that is no object", k_what);
      CgroupDirectory directory;
      directory.controllers =
          TRY(json_strings(entry, "controllers", k_what)).value_or(std::vector<std::string>{});
      directory.path = TRY(json_string(entry, "path", k_what)).value_or("");
      if (!directory.path.starts_with('/') || directory.path.size() < 2)
        return fail(ErrorKind::invalid, "the {} has a directory without an absolute path", k_what);
      state.directories.push_back(std::move(directory));
    }
  if ((state.version == 0) != state.directories.empty())
    return fail(ErrorKind::invalid, "the {} has directories and no version, or a version and no directories",
                k_what);
  return state;
}

std::string directory_of(const CgroupState& state, std::string_view controller) {
  if (state.version == 2) return state.directories.front().path;
  for (const CgroupDirectory& directory : state.directories)
    if (std::ranges::find(directory.controllers, controller) != directory.controllers.end())
      return directory.path;
  return {};
}

std::string version2_directory(const CgroupState& state) {
  for (const CgroupDirectory& directory : state.directories)
    if (directory.controllers.empty()) return directory.path;
  return {};
}

}  // namespace ecrin::run

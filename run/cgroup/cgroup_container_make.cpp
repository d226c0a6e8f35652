#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/cgroup/cgroup_container_parts.hpp"
#include "run/cgroup/cgroup_controllers.hpp"
#include "run/cgroup/cgroup_devices.hpp"
#include "run/cgroup/cgroup_facts.hpp"
#include "run/cgroup/cgroup_files.hpp"
#include "run/cgroup/cgroup_path.hpp"
#include "run/cgroup/cgroup_settings.hpp"
#include "run/cgroup/cgroup_unit_properties.hpp"
#include "run/cgroup/systemd_scope.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_default_shares = 1024;
constexpr int k_make_tries = 20;
// The controllers that a threaded cgroup may have.
constexpr const char* k_threaded[] = {"cpu", "cpuset", "perf_event", "pids"};

using Names = std::vector<std::string>;

bool is_refusal(const Error& error) {
  return error.code() == EACCES || error.code() == EPERM || error.code() == EROFS;
}

// Directories that were made, and go again when making all of them fails.
class Made {
public:
  Made() = default;
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  ~Made() {
    for (auto directory = m_directories.rbegin(); directory != m_directories.rend(); ++directory)
      ::rmdir(directory->c_str());
  }
  void add(std::string directory) { m_directories.push_back(std::move(directory)); }
  void keep() { m_directories.clear(); }

private:
  std::vector<std::string> m_directories;
};

bool contains(const auto& names, const std::string& name) {
  return std::ranges::find(names, name) != std::end(names);
}

// ---- version 2 ----

// One whose parent has threaded cgroups is of no use before it is threaded itself.
Result<> settle_type(const std::string& directory, const Names& needed) {
  const std::string file = directory + "/cgroup.type";
  if (trim(read_cgroup_file(file).value_or("")) != "domain invalid") return {};
  for (const std::string& controller : needed)
    if (!contains(k_threaded, controller))
      return fail(ErrorKind::unsupported,
                  "limits of {} cannot be set: {} is among threaded cgroups, which have only {}", controller,
                  printable(directory), join(Names(std::begin(k_threaded), std::end(k_threaded)), ", "));
  return write_cgroup_file(file, "threaded");
}

Result<> make_directory(const std::string& directory, Made& made) {
  if (::mkdir(directory.c_str(), 0755) == 0) {
    made.add(directory);
    return {};
  }
  if (errno == EEXIST) return {};
  return fail_errno("cannot make the cgroup {}", printable(directory));
}

// One that another user's container has by the same name lets nobody else in.
Result<> check_open(const std::string& directory) {
  if (::access((directory + "/cgroup.procs").c_str(), W_OK) == 0 || errno == ENOENT) return {};
  return fail_errno("cannot enter the cgroup {}", printable(directory));
}

// Where relative paths begin: our own cgroup, or the one above, because one with processes hands no
// controllers on (but the first of all does).
std::string own_base(const CgroupFacts& facts, const Names& needed) {
  const std::string& own = facts.directory;
  if (own.empty() || own == facts.mount || needed.empty() || !has_cgroup_file(own + "/cgroup.type"))
    return own;
  std::string above = own.substr(0, own.rfind('/'));
  return ::access((above + "/cgroup.subtree_control").c_str(), W_OK) == 0 ? above : own;
}

Result<std::string> make_version2(const CgroupFacts& facts, const CgroupPath& path, const Names& needed,
                                  Made& made) {
  std::string directory = path.absolute ? facts.mount : own_base(facts, needed);
  if (directory.empty())
    return std::unexpected(Error::from_errno(EACCES, "the cgroup of this process cannot be seen from here"));
  for (const std::string& component : split(path.below, '/')) {
    TRY(enable_controllers(directory, needed));
    directory += "/" + component;
    TRY(make_directory(directory, made));
    TRY(settle_type(directory, needed));
  }
  TRY(check_open(directory));
  return directory;
}

// Beside version 1: only there to be joined, so whether it can be is seen before.
Result<std::string> make_beside(const CgroupFacts& facts, const CgroupPath& path, Made& made) {
  const std::string& base = path.absolute ? facts.mount : facts.directory;
  if (!can_move_processes(facts.directory, base))
    return std::unexpected(
        Error::from_errno(EACCES, fmt::format("cannot move processes to {}", printable(base))));
  return make_version2(facts, path, {}, made);
}

// ---- version 1 ----

// A new cpuset has no processors, and takes no processes before it has.
Result<> fill_cpuset(const std::string& directory) {
  const std::string above = directory.substr(0, directory.rfind('/'));
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    if (!trim(TRY(read_cgroup_file(directory + file))).empty()) continue;
    TRY(write_cgroup_file(directory + file, trim(TRY(read_cgroup_file(above + file)))));
  }
  return {};
}

Result<std::string> make_version1(const CgroupHierarchy& hierarchy, const CgroupPath& path, Made& made) {
  std::string directory = path.absolute ? hierarchy.mount : hierarchy.directory;
  if (directory.empty())
    return std::unexpected(
        Error::from_errno(EACCES, fmt::format("the cgroup of this process cannot be seen from here ({})",
                                              join(hierarchy.controllers, ","))));
  for (const std::string& component : split(path.below, '/')) {
    directory += "/" + component;
    TRY(make_directory(directory, made));
    if (contains(hierarchy.controllers, "cpuset")) TRY(fill_cpuset(directory));
  }
  TRY(check_open(directory));
  return directory;
}

Result<CgroupState> make_hierarchies(const CgroupFacts& facts, const CgroupPath& path, const Names& needed,
                                     Made& made) {
  CgroupState state{.version = 1, .directories = {}, .unit = {}, .bus = {}};
  std::optional<Error> refusal;
  for (const CgroupHierarchy& hierarchy : facts.version1) {
    auto directory = make_version1(hierarchy, path, made);
    if (directory) {
      state.directories.push_back({.controllers = hierarchy.controllers, .path = std::move(*directory)});
      continue;
    }
    const bool is_needed = std::ranges::any_of(
        hierarchy.controllers, [&](const std::string& name) { return contains(needed, name); });
    if (is_needed || !is_refusal(directory.error())) return std::unexpected(std::move(directory).error());
    if (!refusal) refusal = std::move(directory).error();
  }
  if (!facts.mount.empty())
    if (auto directory = make_beside(facts, path, made))
      state.directories.push_back({.controllers = {}, .path = std::move(*directory)});
  if (state.directories.empty())
    return std::unexpected(refusal ? std::move(*refusal) : explain_layout(CgroupLayout::none, needed));
  return state;
}

// ---- both ----

// In the hybrid layout version 2 has nothing to limit by, or a few controllers that version 1 was not given.
// It may as well be a host of version 2 where somebody mounted one more of version 1.
int version_of(const CgroupFacts& facts) {
  if (facts.layout == CgroupLayout::none) return 0;
  if (facts.layout == CgroupLayout::version2) return 2;
  for (const CgroupHierarchy& hierarchy : facts.version1)
    for (const char* controller : {"cpu", "memory", "pids"})
      if (contains(hierarchy.controllers, controller)) return 1;
  return facts.layout == CgroupLayout::version1 || available_controllers(facts.mount).empty() ? 1 : 2;
}

Result<CgroupState> make_directories(const CgroupFacts& facts, int version, const CgroupPath& path,
                                     const Names& needed, Made& made) {
  Result<CgroupState> state;
  // The cgroup above may go between finding it and using it: with the last container of the default path.
  for (int tries = 0; tries < k_make_tries; ++tries) {
    if (version == 1) {
      state = make_hierarchies(facts, path, needed, made);
    } else if (auto directory = make_version2(facts, path, needed, made)) {
      state = CgroupState{.version = 2, .directories = {{{}, std::move(*directory)}}, .unit = {}, .bus = {}};
    } else {
      state = std::unexpected(std::move(directory).error());
    }
    if (state || state.error().code() != ENOENT) break;
  }
  return state;
}

// One that is there already is as good, unless somebody is in it. A frozen one would hold the stage for ever.
Result<> check_free(const std::string& directory) {
  const bool is_frozen = trim(read_cgroup_file(directory + "/cgroup.freeze").value_or("")) == "1" ||
                         trim(read_cgroup_file(directory + "/freezer.state").value_or("THAWED")) != "THAWED";
  if (is_frozen)
    return std::unexpected(
        Error(ErrorKind::conflict, "the container's cgroup unexpectedly frozen: " + printable(directory))
            .hint("thaw it first, or choose another linux.cgroupsPath"));
  if (TRY(cgroup_processes(directory)).empty()) return {};
  return std::unexpected(Error(ErrorKind::conflict, fmt::format("the container's cgroup is not empty: {} has "
                                                                "processes already",
                                                                printable(directory)))
                             .hint("another container may have the same linux.cgroupsPath"));
}

// ---- systemd ----

// What the manager made is in version 2, or in version 1 at least in its own hierarchy.
Result<CgroupState> find_scope(const CgroupFacts& facts, int version, const std::string& control_group,
                               const Names& needed, Made& made) {
  const CgroupPath path = TRY(parse_cgroup_path(control_group, "", false));
  if (version == 1) return make_hierarchies(facts, path, needed, made);
  const std::string directory = facts.mount + "/" + path.below;
  if (!has_cgroup_file(directory + "/cgroup.procs"))
    return fail(ErrorKind::denied, "the cgroup that systemd made cannot be seen from here ({})",
                printable(directory));
  const Names missing = missing_controllers(needed, available_controllers(directory));
  if (!missing.empty()) return std::unexpected(explain_missing(missing, directory));
  return CgroupState{.version = 2, .directories = {{{}, directory}}, .unit = {}, .bus = {}};
}

// containerd asks for the weight that every cgroup has from the beginning.
oci::Resources without_defaults(oci::Resources resources) {
  if (resources.cpu.shares == k_default_shares) resources.cpu.shares.reset();
  return resources;
}

Error explain_refusal(Error error, const Names& needed) {
  if (!is_refusal(error)) return error;
  const std::string what = needed.empty() ? std::string("the cgroup cannot be made")
                                          : fmt::format("limits of {} cannot be set", join(needed, ", "));
  return Error(ErrorKind::denied, fmt::format("{}: {}", what, error.message()))
      .hint(
          "without privileges this needs a delegated cgroup (version 2): --systemd-cgroup in a login of this "
          "user, or "
          "'systemd-run --user --scope -p Delegate=yes'; without limits and without linux.cgroupsPath no "
          "cgroup is "
          "needed");
}

Result<ContainerCgroup> make_scope(const CgroupFacts& facts, int version, const CgroupRequest& request,
                                   bool rootless, const std::vector<CgroupSetting>& settings) {
  const ScopeName name = TRY(parse_scope_name(request.cgroups_path, request.container_id, rootless));
  Child keeper = TRY(start_keeper());
  const StartedScope scope =
      TRY(start_systemd_scope(request.buses, {.unit = name.unit,
                                              .slice = name.slice,
                                              .description = "container " + request.container_id,
                                              .process = keeper.pid(),
                                              .properties = unit_properties(settings)}));
  Made made;
  CgroupState state =
      TRY(find_scope(facts, version, scope.control_group, needed_controllers(settings), made));
  state.unit = name.unit;
  state.bus = scope.bus;
  ContainerCgroup cgroup(std::move(state), std::move(keeper));
  TRY(come_within_reach(cgroup.state(), cgroup.directory()));
  TRY(write_limits(cgroup.state(), TRY(plan_limits(cgroup.state(), request.resources))));
  made.keep();
  return cgroup;
}

}  // namespace

bool can_move_processes(const std::string& from, const std::string& to) {
  // Their nearest common ancestor decides.
  std::string common = from;
  while (!common.empty() && to != common && !to.starts_with(common + "/")) common.resize(common.rfind('/'));
  return !from.empty() && !common.empty() && ::access((common + "/cgroup.procs").c_str(), W_OK) == 0;
}

Result<std::vector<CgroupSetting>> settings_of(int version, const oci::Resources& resources) {
  return version == 1 ? cgroup_settings_version1(resources) : cgroup_settings(resources);
}

void remove_default_parent(const std::string& directory) {
  const std::string above = directory.substr(0, directory.rfind('/'));
  if (above.ends_with("/ecrin")) ::rmdir(above.c_str());  // the kernel keeps one that has others below
}

Result<ContainerCgroup> create_container_cgroup(const CgroupRequest& request, const CgroupFacts& facts) {
  const int version = version_of(facts);
  const bool rootless = request.rootless.value_or(!may_limit_devices());
  const auto settings = TRY(settings_of(version, request.resources));
  Names needed = needed_controllers(settings);
  const bool limits_devices = !request.resources.devices.empty() && may_limit_devices();
  if (limits_devices && version == 1) needed.emplace_back("devices");
  // Nobody would miss it.
  const bool may_go_without = TRY(settings_of(version, without_defaults(request.resources))).empty() &&
                              request.cgroups_path.empty() && !request.systemd;
  if (version == 0) {
    if (may_go_without) return ContainerCgroup();
    return std::unexpected(explain_layout(facts.layout, needed));
  }
  if (request.systemd) return make_scope(facts, version, request, rootless, settings);
  Made made;
  auto state = make_directories(facts, version,
                                TRY(parse_cgroup_path(request.cgroups_path, request.container_id, rootless)),
                                needed, made);
  if (!state) {
    if (may_go_without && is_refusal(state.error())) return ContainerCgroup();
    return std::unexpected(explain_refusal(std::move(state).error(), needed));
  }
  for (const CgroupDirectory& directory : state->directories) TRY(check_free(directory.path));
  ContainerCgroup cgroup(std::move(*state));
  TRY(write_limits(cgroup.state(), TRY(plan_limits(cgroup.state(), request.resources))));
  made.keep();
  return cgroup;
}

}  // namespace ecrin::run

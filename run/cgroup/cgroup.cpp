#include "run/cgroup/cgroup.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_controllers.hpp"
#include "run/cgroup/cgroup_files.hpp"
#include "run/cgroup/cgroup_settings.hpp"
#include "run/cgroup/systemd_scope.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_name = "ecrin-";

std::string parent_of(const std::string& directory) {
  return directory.substr(0, directory.rfind('/'));
}

bool can_manage(const std::string& directory) {
  return ::access(directory.c_str(), W_OK) == 0 && ::access((directory + "/cgroup.procs").c_str(), W_OK) == 0;
}

// No process but this one.
bool is_alone(const std::string& directory) {
  const auto text = read_cgroup_file(directory + "/cgroup.procs");
  return text && trim(*text) == std::to_string(::getpid());
}

// The process that made it: "ecrin-PID" or "ecrin-PID-NUMBER"; 0: not a name of ours.
pid_t maker_of(std::string_view name) {
  if (!name.starts_with(k_name)) return 0;
  name.remove_prefix(k_name.size());
  const auto pid = parse_unsigned(name.substr(0, name.find('-')), INT32_MAX);
  return pid ? static_cast<pid_t>(*pid) : 0;
}

Error explain_no_place(const std::vector<std::string>& needed, const CgroupFacts& facts,
                       const Error& refusal) {
  const std::string place = facts.directory.empty() ? "its cgroup cannot be seen from here"
                                                    : printable(facts.directory) + " is not its own";
  return Error(ErrorKind::unsupported,
               fmt::format("{}no cgroup is delegated to this user ({}; {})",
                           needed.empty() ? "" : "limits of " + join(needed, ", ") + " cannot be set: ",
                           place, refusal.message()))
      .hint(
          "log in as this user (ssh, machinectl shell), so that a systemd of the user runs and "
          "XDG_RUNTIME_DIR names its directory, or start ecrin by 'systemd-run --user --scope -p "
          "Delegate=yes' or, as root, 'systemd-run --uid=USER --pty -p Delegate=yes'");
}

// Does this host have them where a user could get them?
Result<> check_layout(const CgroupFacts& facts, const std::vector<std::string>& needed) {
  if (facts.mount.empty() || (facts.layout == CgroupLayout::hybrid &&
                              !missing_controllers(needed, available_controllers(facts.mount)).empty()))
    return std::unexpected(explain_layout(facts.layout, needed));
  return {};
}

}  // namespace

Cgroup::~Cgroup() {
  if (!m_container.exists()) return;
  (void)m_container.kill();
  if (const auto removed = m_container.remove(); !removed) log::debug("{}", removed.error().message());
}

Result<Fd> Cgroup::processes() const {
  return std::move(TRY(m_container.processes()).front());
}

void sweep_cgroups(const std::string& directory) {
  const auto opened = posix::open(directory, O_RDONLY | O_DIRECTORY);
  if (!opened) return;
  const auto entries = posix::list_directory(*opened);
  if (!entries) return;
  for (const auto& entry : *entries) {
    const pid_t maker = entry.type == DT_DIR ? maker_of(entry.name) : 0;
    if (maker == 0) continue;
    // Of our own number: of one who had it before us.
    if (maker != ::getpid() && (::kill(maker, 0) == 0 || errno != ESRCH)) continue;
    if (const auto removed = remove_cgroup(directory + "/" + entry.name, Removal::once); !removed)
      log::debug("{}", removed.error().message());
  }
}

Result<std::shared_ptr<CgroupPlace>> CgroupPlace::open(const oci::Resources& resources,
                                                       const std::vector<std::string>& buses) {
  const std::vector<std::string> needed = needed_controllers(TRY(cgroup_settings(resources)));
  CgroupFacts facts = read_cgroup_facts();
  TRY(check_layout(facts, needed));

  std::shared_ptr<CgroupPlace> place(new CgroupPlace);
  bool is_scope = false;
  bool moves = false;
  if (const auto entered = enter_systemd_scope(buses)) {
    facts = read_cgroup_facts();
    place->m_directory = facts.directory;
    is_scope = moves = true;
  } else {
    log::debug("{}", entered.error().message());
    const bool seen = !facts.directory.empty();
    if (seen && can_manage(facts.directory) && is_alone(facts.directory)) {
      place->m_directory = facts.directory;
      moves = true;
    } else if (seen && facts.directory != facts.mount && can_manage(parent_of(facts.directory))) {
      place->m_directory = parent_of(facts.directory);
    } else {
      return std::unexpected(explain_no_place(needed, facts, entered.error()));
    }
  }
  const std::string& directory = place->m_directory;
  if (directory.empty())  // a container that has the host's bus
    return fail(ErrorKind::denied, "the cgroup that systemd delegated cannot be seen from here");
  if (!can_manage(directory))
    return fail(ErrorKind::denied, "the cgroup {} that systemd delegated cannot be written to from here",
                printable(directory));
  const auto missing = missing_controllers(needed, available_controllers(directory));
  if (!missing.empty()) return std::unexpected(explain_missing(missing, directory));

  sweep_cgroups(directory);
  if (moves) {
    const std::string leaf = fmt::format("{}/{}{}", directory, k_name, ::getpid());
    if (::mkdir(leaf.c_str(), 0755) != 0) return fail_errno("cannot make the cgroup {}", printable(leaf));
    if (!is_scope) place->m_leaf = leaf;
    TRY(write_cgroup_file(leaf + "/cgroup.procs", "0"));
  }
  place->m_enabled = TRY_WHILE(enable_controllers(directory, needed),
                               "switching on the limits of containers in {}", printable(directory));
  return place;
}

CgroupPlace::~CgroupPlace() {
  if (m_leaf.empty()) return;
  for (const std::string& controller : m_enabled)
    (void)write_cgroup_file(m_directory + "/cgroup.subtree_control", "-" + controller);
  (void)write_cgroup_file(m_directory + "/cgroup.procs", "0");
  ::rmdir(m_leaf.c_str());
}

Result<> Cgroup::limit(const oci::Resources& resources) const {
  std::vector<CgroupSetting> settings = TRY(cgroup_settings(resources));
  if (auto swap = usual_swap(resources.memory)) settings.push_back(std::move(*swap));
  const std::string directory = m_container.directory();
  const std::vector<std::string> needed = needed_controllers(settings);
  if (const auto missing = missing_controllers(needed, available_controllers(directory)); !missing.empty()) {
    TRY(check_layout(read_cgroup_facts(), missing));
    return std::unexpected(explain_missing(missing, directory));
  }
  return write_cgroup_settings(settings, [&](const std::string&) { return directory; });
}

Result<Cgroup> CgroupPlace::create(const oci::Resources& resources) {
  const std::string directory = fmt::format("{}/{}{}-{}", m_directory, k_name, ::getpid(), ++m_made);
  if (::mkdir(directory.c_str(), 0755) != 0)
    return fail_errno("cannot make the cgroup {}", printable(directory));
  Cgroup cgroup(CgroupState{.version = 2, .directories = {{{}, directory}}, .unit = {}, .bus = {}});
  TRY_WHILE(cgroup.limit(resources), "setting the limits of a container");
  return cgroup;
}

}  // namespace ecrin::run

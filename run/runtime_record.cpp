#include "run/runtime_record.hpp"

#include <time.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/runtime_config.hpp"
#include "run/process_stat.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_what = "the container's state";
constexpr std::size_t k_longest_id = 255;  // it is the name of a directory

// Of a pid and of a user; the kernel's own are far smaller. A negative pid would mean a group of processes.
constexpr std::uint64_t k_largest_pid = INT32_MAX;
constexpr std::uint64_t k_largest_owner = UINT32_MAX - 1;

Result<std::uint64_t> bounded_number(const Json& json, const char* key, std::uint64_t largest) {
  const std::uint64_t value = TRY(json_unsigned(json, key, k_what)).value_or(0);
  if (value > largest) return fail(ErrorKind::invalid, "{}: '{}' is {}", k_what, key, value);
  return value;
}

Result<std::string> boot_id() {
  return std::string(trim(TRY(posix::read_file("/proc/sys/kernel/random/boot_id", 100))));
}

}  // namespace

std::string_view to_string(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::creating:
      return "creating";
    case ContainerStatus::created:
      return "created";
    case ContainerStatus::running:
      return "running";
    case ContainerStatus::paused:
      return "paused";
    case ContainerStatus::stopped:
      return "stopped";
  }
  return "stopped";
}

Result<ProcessName> name_process(pid_t pid) {
  const ProcessStat facts = TRY(read_process_stat(pid));
  std::string boot = TRY(boot_id());
  return ProcessName{.pid = pid, .start_time = facts.start_time, .boot = std::move(boot)};
}

bool is_alive(const ProcessName& process) {
  if (process.pid <= 0) return false;
  const auto facts = read_process_stat(process.pid);
  if (!facts || facts->has_ended()) return false;
  if (facts->start_time != process.start_time) return false;
  const auto boot = boot_id();
  return boot && *boot == process.boot;
}

Json record_to_json(const ContainerRecord& record) {
  return Json{{"ociVersion", oci::RuntimeConfig{}.version},
              {"id", record.id},
              {"pid", record.process.pid},
              {"startTime", record.process.start_time},
              {"boot", record.process.boot},
              {"bundle", record.bundle},
              {"rootfs", record.rootfs},
              {"created", record.created},
              {"owner", record.owner},
              {"annotations", record.annotations},
              {"cgroup", cgroup_state_to_json(record.cgroup)},
              {"ownPidNamespace", record.own_pid_namespace},
              {"sharesMounts", record.shares_mounts},
              {"lateHooks", record.late_hooks}};
}

Result<ContainerRecord> record_from_json(std::string_view text) {
  const std::string_view what = k_what;
  const Json json = TRY(parse_json(text, what));
  ContainerRecord record;
  record.id = TRY(json_string(json, "id", what)).value_or("");
  record.process.pid = static_cast<pid_t>(TRY(bounded_number(json, "pid", k_largest_pid)));
  record.process.start_time = TRY(json_unsigned(json, "startTime", what)).value_or(0);
  record.process.boot = TRY(json_string(json, "boot", what)).value_or("");
  record.bundle = TRY(json_string(json, "bundle", what)).value_or("");
  record.rootfs = TRY(json_string(json, "rootfs", what)).value_or("");
  record.created = TRY(json_string(json, "created", what)).value_or("");
  record.owner = static_cast<uid_t>(TRY(bounded_number(json, "owner", k_largest_owner)));
  if (const Json* annotations = TRY(json_object(json, "annotations", what)))
    for (const auto& [key, value] : annotations->items())
      if (value.is_string()) record.annotations[key] = value.get<std::string>();
  if (const Json* cgroup = TRY(json_object(json, "cgroup", what)))
    record.cgroup = TRY(cgroup_state_from_json(*cgroup));
  record.own_pid_namespace = TRY(json_bool(json, "ownPidNamespace", what)).value_or(true);
  record.shares_mounts = TRY(json_bool(json, "sharesMounts", what)).value_or(false);
  record.late_hooks = TRY(json_bool(json, "lateHooks", what)).value_or(false);
  return record;
}

std::string creation_time() {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::string text = format_time(now.tv_sec);
  text.pop_back();  // the Z
  return fmt::format("{}.{:09}Z", text, now.tv_nsec);
}

Json state_document(const ContainerRecord& record, ContainerStatus status) {
  Json document = {{"ociVersion", oci::RuntimeConfig{}.version},
                   {"id", record.id},
                   {"status", std::string(to_string(status))},
                   {"bundle", record.bundle},
                   {"rootfs", record.rootfs},
                   {"created", record.created},
                   {"pid", status == ContainerStatus::stopped ? 0 : record.process.pid}};
  if (!record.annotations.empty()) document["annotations"] = record.annotations;
  return document;
}

Result<> check_container_id(std::string_view id) {
  const auto allowed = [](unsigned char character) {
    return std::isalnum(character) != 0 ||
           std::string_view("_+-.").find(static_cast<char>(character)) != std::string_view::npos;
  };
  if (id.empty() || id.size() > k_longest_id)
    return fail(ErrorKind::invalid, "a container ID has 1 to {} characters", k_longest_id);
  // A dot in front would hide it.
  if (id.starts_with('.') || !std::ranges::all_of(id, allowed))
    return std::unexpected(
        Error(ErrorKind::invalid,
              fmt::format("invalid character in the container ID '{}'", printable(id, 100)))
            .hint("letters, digits and any of _ + - . are allowed, and it begins with no dot"));
  return {};
}

}  // namespace ecrin::run

// verbs: runtime pause, resume, update, events
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/runtime/opened.hpp"
#include "cli/standard_streams.hpp"
#include "cli/table.hpp"
#include "oci/runtime_config_json.hpp"
#include "run/cgroup/cgroup_container.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_resources_limit = 1 << 20;  // bytes of text
constexpr std::int64_t k_second = 1'000'000'000;

Result<run::ContainerCgroup> cgroup_of(const OpenedContainer& container, std::string_view wanted_for) {
  run::ContainerCgroup cgroup(container.record.cgroup);
  if (cgroup.exists()) return cgroup;
  return std::unexpected(Error(ErrorKind::unsupported, fmt::format("container '{}' has no cgroup to {}",
                                                                   container.record.id, wanted_for))
                             .hint("'ecrin doctor' says what is missing for cgroups of this user"));
}

Result<int> run_pause(const RuntimeContext& context, const Arguments& arguments) {
  const OpenedContainer container = TRY(open_container(context, arguments.operands().front(), Changes::yes));
  if (container.status != run::ContainerStatus::running && container.status != run::ContainerStatus::created)
    return fail(ErrorKind::conflict, "cannot pause '{}': container not running", container.record.id);
  TRY(TRY(cgroup_of(container, "be paused by")).freeze());
  return 0;
}

Result<int> run_resume(const RuntimeContext& context, const Arguments& arguments) {
  const OpenedContainer container = TRY(open_container(context, arguments.operands().front(), Changes::yes));
  const bool alive =
      container.status != run::ContainerStatus::stopped && container.status != run::ContainerStatus::creating;
  auto cgroup = cgroup_of(container, "be resumed by");
  // A created container that is paused is still a created one.
  if (!alive || (cgroup && !TRY(cgroup->frozen())))
    return fail(ErrorKind::conflict, "cannot resume '{}': container not paused", container.record.id);
  TRY(TRY(std::move(cgroup)).thaw());
  return 0;
}

Result<std::optional<std::int64_t>> number(const Arguments& arguments, std::string_view flag) {
  const auto text = arguments.find(flag);
  if (!text || text->empty()) return std::optional<std::int64_t>();
  const bool negative = text->starts_with('-');
  const auto size =
      TRY_WHILE(parse_unsigned(text->substr(negative ? 1 : 0), INT64_MAX), "reading --{}", flag);
  const auto value = static_cast<std::int64_t>(size);
  return std::optional(negative ? -value : value);
}

// -1: no limit.
Result<std::optional<std::int64_t>> bytes(const Arguments& arguments, std::string_view flag) {
  const auto text = arguments.find(flag);
  if (!text || text->empty()) return std::optional<std::int64_t>();
  if (*text == "-1") return std::optional(oci::k_unlimited);
  return std::optional(static_cast<std::int64_t>(TRY_WHILE(parse_size(*text), "reading --{}", flag)));
}

Result<std::optional<std::uint64_t>> positive(const Arguments& arguments, std::string_view flag) {
  const auto value = TRY(number(arguments, flag));
  if (value && *value < 0) return fail(ErrorKind::invalid, "--{} cannot be negative", flag);
  return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

Result<oci::Resources> resources_from_flags(const Arguments& arguments) {
  oci::Resources resources;
  resources.memory.limit = TRY(bytes(arguments, "memory"));
  resources.memory.reservation = TRY(bytes(arguments, "memory-reservation"));
  resources.memory.swap = TRY(bytes(arguments, "memory-swap"));
  resources.memory.kernel = TRY(bytes(arguments, "kernel-memory"));
  resources.memory.kernel_tcp = TRY(bytes(arguments, "kernel-memory-tcp"));
  resources.cpu.shares = TRY(positive(arguments, "cpu-share"));
  resources.cpu.quota = TRY(number(arguments, "cpu-quota"));
  resources.cpu.period = TRY(positive(arguments, "cpu-period"));
  resources.cpu.burst = TRY(positive(arguments, "cpu-burst"));
  resources.cpu.realtime_runtime = TRY(number(arguments, "cpu-rt-runtime"));
  resources.cpu.realtime_period = TRY(positive(arguments, "cpu-rt-period"));
  resources.cpu.idle = TRY(number(arguments, "cpu-idle"));
  resources.cpu.cpus = arguments.value("cpuset-cpus");
  resources.cpu.mems = arguments.value("cpuset-mems");
  resources.pids = TRY(number(arguments, "pids-limit"));
  if (const auto weight = TRY(positive(arguments, "blkio-weight"))) {
    if (*weight > UINT16_MAX) return fail(ErrorKind::invalid, "--blkio-weight goes from 10 to 1000");
    resources.block_io.weight = static_cast<std::uint16_t>(*weight);
  }
  return resources;
}

Result<oci::Resources> wanted_resources(const Arguments& arguments) {
  const auto name = arguments.find("resources");
  for (const char* flag : {"l3-cache-schema", "mem-bw-schema"})
    if (arguments.has(flag) && !arguments.value(flag).empty())
      return fail(ErrorKind::unsupported, "--{} (linux.intelRdt) cannot be set by ecrin", flag);
  if (!name) return resources_from_flags(arguments);
  const Fd file = *name == "-" ? TRY(standard_stream(0)) : TRY(posix::open(*name, O_RDONLY | O_NOCTTY));
  const std::string text = TRY_WHILE(posix::read_fd(file, k_resources_limit), "reading the resources");
  return oci::parse_resources_json(text);
}

Result<int> run_update(const RuntimeContext& context, const Arguments& arguments) {
  const oci::Resources resources = TRY(wanted_resources(arguments));
  const OpenedContainer container = TRY(open_container(context, arguments.operands().front(), Changes::yes));
  if (container.status == run::ContainerStatus::stopped || container.status == run::ContainerStatus::creating)
    return fail(ErrorKind::conflict, "cannot update '{}': container not running", container.record.id);
  if (resources.empty()) return 0;
  TRY(TRY(cgroup_of(container, "be limited by")).apply(resources));
  return 0;
}

// Type and id come first: some look for them in the text.
std::string event(std::string_view type, const std::string& id, const Json* data = nullptr) {
  const std::string more = data != nullptr ? ",\"data\":" + dump_json(*data) : "";
  return fmt::format("{{\"type\":{},\"id\":{}{}}}", dump_json(Json(std::string(type))), dump_json(Json(id)),
                     more);
}

std::string statistics_event(const run::ContainerCgroup& cgroup, const std::string& id) {
  const Json data = run::statistics_event_data(cgroup.statistics());
  return event("stats", id, &data);
}

Result<int> run_events(const RuntimeContext& context, const Arguments& arguments) {
  OpenedContainer container = TRY(open_container(context, arguments.operands().front(), Changes::no));
  const std::string& id = container.record.id;
  if (container.status == run::ContainerStatus::stopped)
    return fail(ErrorKind::conflict, "container '{}' is stopped: nothing happens in it", id);
  const std::int64_t interval =
      TRY_WHILE(parse_duration(arguments.value("interval", "5s")), "reading --interval");
  if (interval < k_second / 1000) return fail(ErrorKind::invalid, "--interval must be at least 1ms");
  const run::ContainerCgroup cgroup = TRY(cgroup_of(container, "be measured by"));
  if (arguments.on("stats")) {
    print_line(statistics_event(cgroup, id));
    return 0;
  }
  std::uint64_t kills = cgroup.out_of_memory_kills();
  const auto tell_of_kills = [&] {
    for (const std::uint64_t now = cgroup.out_of_memory_kills(); kills < now; ++kills)
      print_line(event("oom", id));
  };
  while (run::is_alive(container.record.process)) {
    tell_of_kills();
    print_line(statistics_event(cgroup, id));
    TRY(finish_output());
    const struct timespec pause = {.tv_sec = interval / k_second, .tv_nsec = interval % k_second};
    ::nanosleep(&pause, nullptr);
  }
  tell_of_kills();  // the last one may have ended it
  return 0;
}

RuntimeVerb of_one_container(std::string_view name, std::string_view summary,
                             Result<int> (*run)(const RuntimeContext&, const Arguments&)) {
  return {
      .words = {.name = name, .operands = "ID", .summary = summary, .least_operands = 1, .most_operands = 1},
      .run = run};
}

std::vector<Flag> update_flags() {
  return {
      {.name = "resources",
       .letter = 'r',
       .value = "FILE",
       .help = "linux.resources as in config.json; - is standard input. Other flags are not read then",
       .completion = Completion::file},
      {.name = "memory", .value = "BYTES", .help = "limit of memory; -1: none"},
      {.name = "memory-reservation", .value = "BYTES", .help = "memory that is taken away last"},
      {.name = "memory-swap", .value = "BYTES", .help = "limit of memory and swap together; -1: none"},
      {.name = "kernel-memory", .value = "BYTES", .help = "ignored"},
      {.name = "kernel-memory-tcp", .value = "BYTES", .help = "ignored"},
      {.name = "cpu-share", .value = "N", .help = "weight among others; 1024 is what they have"},
      {.name = "cpu-quota", .value = "MICROSECONDS", .help = "processor time in each period; -1: no limit"},
      {.name = "cpu-period", .value = "MICROSECONDS", .help = "the period of --cpu-quota"},
      {.name = "cpu-burst", .value = "MICROSECONDS", .help = "what may be saved up for later periods"},
      {.name = "cpu-rt-runtime",
       .value = "MICROSECONDS",
       .help = "real-time's part of a period (cgroup version 1)"},
      {.name = "cpu-rt-period", .value = "MICROSECONDS", .help = "the period of --cpu-rt-runtime"},
      {.name = "cpu-idle", .value = "0|1", .help = "1: runs only when nothing else would"},
      {.name = "cpuset-cpus", .value = "LIST", .help = "processors: 0-3,7"},
      {.name = "cpuset-mems", .value = "LIST", .help = "memory nodes"},
      {.name = "pids-limit", .value = "N", .help = "processes and threads at once; -1: no limit"},
      {.name = "blkio-weight", .value = "N", .help = "weight for block devices, 10 to 1000"},
      {.name = "l3-cache-schema", .value = "TEXT", .help = "refused: ecrin does not set linux.intelRdt"},
      {.name = "mem-bw-schema", .value = "TEXT", .help = "refused: ecrin does not set linux.intelRdt"},
  };
}

}  // namespace

const RuntimeVerb& runtime_pause_verb() {
  static const RuntimeVerb verb =
      of_one_container("runtime pause", "Stop all processes of a container for a time", run_pause);
  return verb;
}

const RuntimeVerb& runtime_resume_verb() {
  static const RuntimeVerb verb =
      of_one_container("runtime resume", "Let the processes of a paused container go on", run_resume);
  return verb;
}

const RuntimeVerb& runtime_update_verb() {
  static const RuntimeVerb verb = [] {
    RuntimeVerb update = of_one_container("runtime update", "Change the limits of a container", run_update);
    update.words.flags = update_flags();
    return update;
  }();
  return verb;
}

const RuntimeVerb& runtime_events_verb() {
  static const RuntimeVerb verb = [] {
    RuntimeVerb events = of_one_container(
        "runtime events", "Tell what a container uses, and when its memory ran out", run_events);
    events.words.flags = {
        {.name = "interval", .value = "TIME", .help = "between two reports; default 5s"},
        {.name = "stats", .value = "", .help = "one report, then end"},
    };
    return events;
  }();
  return verb;
}

}  // namespace ecrin::cli

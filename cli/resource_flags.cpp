#include "cli/resource_flags.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"
#include "run/cgroup/cgroup_settings.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_least_period = 1'000;  // microseconds; the kernel's bounds
constexpr std::uint64_t k_most_period = 1'000'000;
constexpr std::uint64_t k_least_quota = 1'000;
constexpr std::uint64_t k_most_processors = 65'536;
constexpr std::uint64_t k_most_pids = 1u << 22;  // PID_MAX_LIMIT

// Empty: no limit.
Result<std::optional<std::int64_t>> parse_bytes(const Arguments& arguments, std::string_view flag) {
  const auto text = arguments.find(flag);
  if (!text) return std::nullopt;
  const auto bytes = parse_size(*text);
  if (!bytes || *bytes > INT64_MAX)
    return fail(ErrorKind::invalid, "--{} is a size like 64m, not '{}'", flag, printable(*text, 80));
  if (*bytes == 0) return std::nullopt;
  return static_cast<std::int64_t>(*bytes);
}

Result<oci::MemoryResources> parse_memory(const Arguments& arguments) {
  oci::MemoryResources memory;
  memory.limit = TRY(parse_bytes(arguments, "memory"));
  memory.reservation = TRY(parse_bytes(arguments, "memory-reservation"));
  if (arguments.value("memory-swap") == "-1") {
    memory.swap = oci::k_unlimited;
  } else {
    memory.swap = TRY(parse_bytes(arguments, "memory-swap"));
  }
  if (memory.swap && !memory.limit)
    return fail(ErrorKind::invalid,
                "--memory-swap needs --memory: it is the limit of memory and swap together");
  if (memory.swap && *memory.swap >= 0 && *memory.swap < *memory.limit)
    return fail(ErrorKind::invalid,
                "--memory-swap is below --memory: it is the limit of memory and swap together");
  if (memory.reservation && memory.limit && *memory.reservation > *memory.limit)
    return fail(ErrorKind::invalid, "--memory-reservation is above --memory");
  return memory;
}

// "1.5" processors are 150 ms of each 100 ms.
Result<std::optional<std::int64_t>> parse_cpus(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorKind::invalid, "--cpus is a number of processors like 1.5, from 0.01 to {}, not '{}'",
                k_most_processors, printable(text, 80));
  };
  const std::size_t point = text.find('.');
  const std::string_view whole_text = text.substr(0, point);
  std::string fraction_text = point == std::string_view::npos ? "" : std::string(text.substr(point + 1));
  if ((whole_text.empty() && fraction_text.empty()) || fraction_text.size() > 18) return bad();
  const auto whole = whole_text.empty() ? 0 : parse_unsigned(whole_text, k_most_processors);
  fraction_text.resize(5, '0');  // in units of the period; more digits are below a microsecond
  const auto fraction = parse_unsigned(fraction_text);
  const bool digits =
      point == std::string_view::npos ||
      std::ranges::all_of(text.substr(point + 1), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!whole || !fraction || !digits) return bad();
  const std::uint64_t quota = *whole * run::k_usual_period + *fraction;
  if (quota == 0) return std::nullopt;
  if (quota < k_least_quota || quota > k_most_processors * run::k_usual_period) return bad();
  return static_cast<std::int64_t>(quota);
}

// "0-2,4", as the kernel reads it.
Result<std::string> parse_list(const Arguments& arguments, std::string_view flag) {
  const std::string text = arguments.value(flag);
  if (text.empty()) return text;
  for (const std::string& part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = parse_unsigned(part.substr(0, dash), k_most_processors);
    const auto last =
        dash == std::string::npos ? first : parse_unsigned(part.substr(dash + 1), k_most_processors);
    if (!first || !last || *last < *first)
      return fail(ErrorKind::invalid, "--{} is a list like 0-2,4, not '{}'", flag, printable(text, 80));
  }
  return text;
}

Result<oci::CpuResources> parse_cpu(const Arguments& arguments) {
  oci::CpuResources cpu;
  if (const auto text = arguments.find("cpu-shares")) {
    const auto shares = parse_unsigned(*text);
    if (!shares)
      return fail(ErrorKind::invalid, "--cpu-shares is a number like 512, not '{}'", printable(*text, 80));
    if (*shares > 0) cpu.shares = *shares;
  }
  if (const auto text = arguments.find("cpu-period")) {
    const auto period = parse_unsigned(*text, k_most_period);
    if (!period || (*period > 0 && *period < k_least_period))
      return fail(ErrorKind::invalid, "--cpu-period is a number of microseconds from {} to {}, not '{}'",
                  k_least_period, k_most_period, printable(*text, 80));
    if (*period > 0) cpu.period = *period;
  }
  if (const auto text = arguments.find("cpu-quota"); text && *text != "-1") {
    const auto quota = parse_unsigned(*text, k_most_processors * k_most_period);
    if (!quota || (*quota > 0 && *quota < k_least_quota))
      return fail(ErrorKind::invalid, "--cpu-quota is a number of microseconds from {}, or -1, not '{}'",
                  k_least_quota, printable(*text, 80));
    if (*quota > 0) cpu.quota = static_cast<std::int64_t>(*quota);
  }
  if (const auto text = arguments.find("cpus")) {
    const auto quota = TRY(parse_cpus(*text));
    if (quota && (cpu.quota || cpu.period))
      return fail(ErrorKind::invalid, "--cpus and --{} say the same in two ways: give one",
                  cpu.quota ? "cpu-quota" : "cpu-period");
    if (quota) cpu = {.shares = cpu.shares, .quota = quota, .period = run::k_usual_period};
  }
  cpu.cpus = TRY(parse_list(arguments, "cpuset-cpus"));
  cpu.mems = TRY(parse_list(arguments, "cpuset-mems"));
  return cpu;
}

Result<std::optional<std::int64_t>> parse_pids(const Arguments& arguments) {
  const auto text = arguments.find("pids-limit");
  if (!text || *text == "-1") return std::nullopt;
  const auto pids = parse_unsigned(*text, k_most_pids);
  if (!pids)
    return fail(ErrorKind::invalid, "--pids-limit is a number up to {}, or -1, not '{}'", k_most_pids,
                printable(*text, 80));
  if (*pids == 0) return std::nullopt;
  return static_cast<std::int64_t>(*pids);
}

}  // namespace

std::vector<Flag> resource_flags() {
  return {
      {.name = "cpu-period",
       .value = "MICROSECONDS",
       .help = "the time in which --cpu-quota may be used (default 100000)"},
      {.name = "cpu-quota",
       .value = "MICROSECONDS",
       .help = "processor time in each period; -1 for no limit"},
      {.name = "cpu-shares",
       .letter = 'c',
       .value = "N",
       .help = "share of the processors when they are busy; others have 1024"},
      {.name = "cpus", .value = "N", .help = "limit of processors, like 1.5"},
      {.name = "cpuset-cpus", .value = "LIST", .help = "the processors to run on, like 0-2,4"},
      {.name = "cpuset-mems", .value = "LIST", .help = "the memory nodes to use, like 0,1"},
      {.name = "memory", .letter = 'm', .value = "SIZE", .help = "limit of memory, like 64m"},
      {.name = "memory-reservation",
       .value = "SIZE",
       .help = "memory that is taken away last when the host has none left"},
      {.name = "memory-swap",
       .value = "SIZE",
       .help = "limit of memory and swap together (default twice --memory); -1 for no limit of swap"},
      {.name = "pids-limit", .value = "N", .help = "limit of processes and threads; -1 for none"},
  };
}

Result<oci::Resources> parse_resources(const Arguments& arguments) {
  oci::MemoryResources memory = TRY(parse_memory(arguments));
  oci::CpuResources cpu = TRY(parse_cpu(arguments));
  const auto pids = TRY(parse_pids(arguments));
  return oci::Resources{.memory = memory, .cpu = std::move(cpu), .pids = pids};
}

std::vector<std::string> service_manager_addresses(const Environment& environment, unsigned user) {
  std::vector<std::string> addresses;
  // Root's own manager is the system's.
  if (user == 0) return {"unix:path=/run/dbus/system_bus_socket"};
  if (const auto bus = environment("DBUS_SESSION_BUS_ADDRESS"); bus && !bus->empty())
    addresses.push_back(*bus);
  std::string directory = environment("XDG_RUNTIME_DIR").value_or("");
  if (!directory.starts_with('/')) directory = fmt::format("/run/user/{}", user);
  for (const char* socket : {"bus", "systemd/private"}) {
    std::string address = fmt::format("unix:path={}/{}", directory, socket);
    if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(std::move(address));
  }
  return addresses;
}

Result<std::shared_ptr<run::CgroupPlace>> open_cgroups(Session& session, const oci::Resources& resources) {
  if (resources.empty()) return nullptr;
  return run::CgroupPlace::open(resources, service_manager_addresses(session.environment(), session.user()));
}

}  // namespace ecrin::cli

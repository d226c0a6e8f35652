#include "run/monitor/process_list.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/process_stat.hpp"

namespace ecrin::run {
namespace {

constexpr std::size_t k_most_processes = 180;  // so that they fit a packet
constexpr std::size_t k_longest_command = 100;
constexpr std::uint64_t k_file_limit = 64 * 1024;
constexpr std::string_view k_what = "the processes of a container";

std::string namespace_of(const std::string& directory) {
  std::array<char, 64> name{};
  const ssize_t size = ::readlink((directory + "/ns/pid").c_str(), name.data(), name.size());
  return size > 0 ? std::string(name.data(), static_cast<std::size_t>(size)) : "";
}

std::string command_line(const std::string& directory, const std::string& name) {
  std::string text = posix::read_file(directory + "/cmdline", k_file_limit).value_or("");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::ranges::replace(text, '\0', ' ');
  return printable(text.empty() ? "[" + name + "]" : text, k_longest_command);
}

std::optional<ProcessEntry> read_process(const std::string& directory, pid_t host_pid) {
  const auto stat = posix::read_file(directory + "/stat", k_file_limit);
  const auto status = posix::read_file(directory + "/status", k_file_limit);
  if (!stat || !status) return {};
  const auto parsed = parse_process_stat(*stat);
  if (!parsed) return {};
  const auto milliseconds = [](std::uint64_t ticks) {
    return ticks * 1000 / static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  };
  ProcessEntry entry{.pid = parse_inner_pid(*status),
                     .parent = parsed->parent,
                     .host_pid = host_pid,
                     .state = parsed->state,
                     .terminal = parsed->terminal,
                     .cpu = milliseconds(parsed->user_ticks + parsed->system_ticks),
                     .children_cpu = milliseconds(parsed->children_ticks),
                     .started = milliseconds(parsed->start_time),
                     .resident = parsed->resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                     .command = {},
                     .name = printable(parsed->name, 64)};
  if (const std::size_t at = status->find("\nUid:\t"); at != std::string::npos) {
    const std::string_view rest = std::string_view(*status).substr(at + 6);
    entry.uid = static_cast<uid_t>(parse_unsigned(rest.substr(0, rest.find('\t'))).value_or(0));
  }
  entry.command = command_line(directory, entry.name);
  return entry;
}

}  // namespace

Result<std::vector<ProcessEntry>> list_processes(pid_t first) {
  const std::string wanted = namespace_of(fmt::format("/proc/{}", first));
  if (wanted.empty()) return fail(ErrorKind::not_found, "the container has no processes");
  std::vector<ProcessEntry> entries;
  std::map<pid_t, pid_t> inner;
  const Fd proc = TRY(posix::open("/proc", O_RDONLY | O_DIRECTORY));
  for (const auto& file : TRY(posix::list_directory(proc))) {
    const auto pid = parse_unsigned(file.name, INT32_MAX);
    const std::string directory = "/proc/" + file.name;
    if (!pid || namespace_of(directory) != wanted) continue;
    auto entry = read_process(directory, static_cast<pid_t>(*pid));
    if (!entry) continue;  // it has ended
    inner[entry->host_pid] = entry->pid;
    entries.push_back(std::move(*entry));
  }
  for (ProcessEntry& entry : entries) {
    const auto parent = inner.find(entry.parent);
    entry.parent = parent == inner.end() ? 0 : parent->second;
  }
  std::ranges::sort(entries, {}, &ProcessEntry::pid);
  return entries;
}

Json processes_json(const std::vector<ProcessEntry>& entries) {
  Json list = Json::array();
  for (const ProcessEntry& entry : entries) {
    if (list.size() == k_most_processes) break;
    list.push_back({{"pid", entry.pid},
                    {"parent", entry.parent},
                    {"hostPid", entry.host_pid},
                    {"uid", entry.uid},
                    {"state", std::string(1, entry.state)},
                    {"terminal", entry.terminal},
                    {"cpu", entry.cpu},
                    {"started", entry.started},
                    {"resident", entry.resident},
                    {"command", entry.command},
                    {"name", entry.name}});
  }
  const std::size_t left_out = entries.size() - list.size();
  return {{"processes", std::move(list)}, {"leftOut", left_out}};
}

Result<std::vector<ProcessEntry>> parse_processes(const Json& json) {
  std::vector<ProcessEntry> entries;
  const Json* list = TRY(json_array(json, "processes", k_what));
  if (!list) return entries;
  for (const Json& item : *list) {
    const auto number = [&](const char* key) -> Result<std::uint64_t> {
      return TRY(json_unsigned(item, key, k_what)).value_or(0);
    };
    ProcessEntry entry;
    entry.pid = static_cast<pid_t>(TRY(number("pid")));
    entry.parent = static_cast<pid_t>(TRY(number("parent")));
    entry.host_pid = static_cast<pid_t>(TRY(number("hostPid")));
    entry.uid = static_cast<uid_t>(TRY(number("uid")));
    const std::string state = TRY(json_string(item, "state", k_what)).value_or("?");
    entry.state = state.empty() ? '?' : state.front();
    entry.terminal = static_cast<int>(TRY(number("terminal")));
    entry.cpu = TRY(number("cpu"));
    entry.started = TRY(number("started"));
    entry.resident = TRY(number("resident"));
    entry.command = TRY(json_string(item, "command", k_what)).value_or("");
    entry.name = TRY(json_string(item, "name", k_what)).value_or("");
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace ecrin::run

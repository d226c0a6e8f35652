// verb: top
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/selection.hpp"
#include "cli/table.hpp"
#include "run/monitor/control.hpp"
#include "run/monitor/process_list.hpp"

namespace ecrin::cli {
namespace {

constexpr unsigned k_pty_major = 136;

struct Moment {
  std::uint64_t uptime = 0;  // milliseconds
};

std::string clock_text(std::uint64_t milliseconds) {
  const std::uint64_t seconds = milliseconds / 1000;
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string terminal_text(int device) {
  if (device == 0) return "?";
  const auto number = static_cast<unsigned>(device);
  const unsigned major = number >> 8 & 0xfff;
  const unsigned minor = (number & 0xff) | (number >> 12 & 0xfff00);
  return major >= k_pty_major && major < k_pty_major + 8 ? fmt::format("pts/{}", minor)
                                                         : fmt::format("{}:{}", major, minor);
}

struct Column {
  std::string_view name;  // as podman has it
  std::string_view heading;
  std::string (*value)(const run::ProcessEntry& entry, const Moment& now);
};

std::uint64_t age(const run::ProcessEntry& entry, const Moment& now) {
  return now.uptime > entry.started ? now.uptime - entry.started : 0;
}

const Column k_columns[] = {
    {"user", "USER", [](const run::ProcessEntry& e, const Moment&) { return std::to_string(e.uid); }},
    {"uid", "UID", [](const run::ProcessEntry& e, const Moment&) { return std::to_string(e.uid); }},
    {"pid", "PID", [](const run::ProcessEntry& e, const Moment&) { return std::to_string(e.pid); }},
    {"ppid", "PPID", [](const run::ProcessEntry& e, const Moment&) { return std::to_string(e.parent); }},
    {"hpid", "HPID", [](const run::ProcessEntry& e, const Moment&) { return std::to_string(e.host_pid); }},
    {"pcpu", "%CPU",
     [](const run::ProcessEntry& e, const Moment& now) {
       const std::uint64_t alive = std::max<std::uint64_t>(age(e, now), 1);
       return fmt::format("{:.3f}", 100.0 * static_cast<double>(e.cpu) / static_cast<double>(alive));
     }},
    {"etime", "ELAPSED",
     [](const run::ProcessEntry& e, const Moment& now) {
       return human_duration(static_cast<double>(age(e, now)) / 1000.0);
     }},
    {"tty", "TTY", [](const run::ProcessEntry& e, const Moment&) { return terminal_text(e.terminal); }},
    {"time", "TIME", [](const run::ProcessEntry& e, const Moment&) { return clock_text(e.cpu); }},
    {"stime", "STIME",
     [](const run::ProcessEntry& e, const Moment& now) {
       return human_duration(static_cast<double>(age(e, now)) / 1000.0) + " ago";
     }},
    {"state", "STATE", [](const run::ProcessEntry& e, const Moment&) { return std::string(1, e.state); }},
    {"rss", "RSS",
     [](const run::ProcessEntry& e, const Moment&) { return std::to_string(e.resident / 1024); }},
    {"comm", "COMMAND", [](const run::ProcessEntry& e, const Moment&) { return e.name; }},
    {"args", "COMMAND", [](const run::ProcessEntry& e, const Moment&) { return e.command; }},
};
constexpr std::string_view k_usual[] = {"user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"};

Result<const Column*> find_column(const std::string& word) {
  const std::string name = to_lower(word);
  const auto found = std::ranges::find(k_columns, name, &Column::name);
  if (found != std::end(k_columns)) return &*found;
  std::string known;
  for (const Column& column : k_columns) known += (known.empty() ? "" : ", ") + std::string(column.name);
  return std::unexpected(
      Error(ErrorKind::invalid, fmt::format("'{}' is no column of processes", printable(word, 60)))
          .hint("known are " + known));
}

// "pid,user" or single words.
Result<std::vector<const Column*>> chosen_columns(std::span<const std::string> words) {
  std::vector<const Column*> columns;
  for (std::string word : words) {
    if (word.starts_with("-o")) word.erase(0, 2);
    for (const std::string& name : split(word, ','))
      if (!trim(name).empty()) columns.push_back(TRY(find_column(std::string(trim(name)))));
  }
  if (columns.empty())
    for (const std::string_view name : k_usual) columns.push_back(TRY(find_column(std::string(name))));
  return columns;
}

Outcome run(Session& session, const Arguments& arguments) {
  std::span<const std::string> words = arguments.operands();
  Containers containers = TRY(Containers::open(session));
  const run::StoredContainer record = TRY(latest_or_first(containers, arguments, words));
  const auto columns = TRY(chosen_columns(words));
  const Fd socket = TRY(containers.connect(record));
  const Json answer = TRY(run::ask(socket, {{"verb", "processes"}}));
  const auto entries = TRY(run::parse_processes(answer));
  const std::uint64_t left_out =
      TRY(json_unsigned(answer, "leftOut", "the processes of a container")).value_or(0);
  Moment now;
  const std::string uptime = TRY(posix::read_file("/proc/uptime"));
  now.uptime = parse_unsigned(uptime.substr(0, uptime.find('.'))).value_or(0) * 1000;
  std::vector<std::string> heading;
  for (const Column* column : columns) heading.emplace_back(column->heading);
  std::vector<std::vector<std::string>> cells;
  for (const run::ProcessEntry& entry : entries) {
    std::vector<std::string>& line = cells.emplace_back();
    for (const Column* column : columns) line.push_back(column->value(entry, now));
  }
  print(format_table(heading, cells, Heading::shown));
  if (left_out > 0) log::warning("{} more processes are not shown", left_out);
  return 0;
}

}  // namespace

const Verb& top_verb() {
  static const Verb verb{
      .name = "top",
      .operands = "CONTAINER [COLUMN...]",
      .summary = "List the processes of a running container",
      .details =
          "As the container counts and names them. Columns: user, uid, pid, ppid, hpid (of the host), pcpu, "
          "etime, tty, time, stime, state, rss, comm, args.",
      .flags = {{.name = "latest",
                 .letter = 'l',
                 .value = "",
                 .help = "of the container that was made last; there is no CONTAINER then"}},
      .order = Order::flags_first,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

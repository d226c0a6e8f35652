// verb: wait
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/selection.hpp"
#include "cli/image_filter.hpp"
#include "cli/table.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

constexpr std::int64_t k_missing = -1;

// The exit code of the next end of its program.
Result<std::int64_t> wait_for_exit(Containers& containers, const run::StoredContainer& record) {
  if (!is_active(record.state)) return record.state.exit_code;
  auto socket = containers.connect(record);
  if (socket) {
    const auto answer = run::ask(*socket, {{"verb", "wait"}});
    if (answer) return TRY(json_integer(*answer, "code", "the answer of a monitor")).value_or(0);
    if (answer.error().kind() != ErrorKind::not_found) return std::unexpected(answer.error());
  } else if (socket.error().kind() != ErrorKind::conflict) {
    return std::unexpected(socket.error());
  }
  // It ended without saying so: what can be known is in the table.
  return TRY(containers.find(record.id)).state.exit_code;
}

bool fulfils(const run::ContainerState& state, const std::vector<std::string>& conditions) {
  return std::ranges::any_of(conditions, [&](const std::string& condition) {
    if (condition == "stopped" || condition == "exited") return state.status == run::LifeStatus::exited;
    if (condition == "healthy" || condition == "unhealthy") return state.health == condition;
    return condition == run::to_string(state.status);
  });
}

Result<std::int64_t> wait_for(Containers& containers, run::StoredContainer record,
                              const std::vector<std::string>& conditions, std::chrono::milliseconds pause) {
  while (!fulfils(record.state, conditions)) {
    std::this_thread::sleep_for(pause);
    record = TRY(containers.find(record.id));
  }
  return record.state.status == run::LifeStatus::exited ? record.state.exit_code : k_missing;
}

Result<std::chrono::milliseconds> parse_interval(const std::string& text) {
  std::chrono::milliseconds pause{0};
  if (const auto number = parse_unsigned(text, 3'600'000)) {
    pause = std::chrono::milliseconds(*number);
  } else if (const auto duration = parse_duration(text)) {
    pause = std::chrono::milliseconds(*duration / 1'000'000);
  }
  if (pause < std::chrono::milliseconds(1))
    return fail(ErrorKind::invalid, "--interval is a time like 250ms, not '{}'", printable(text, 60));
  return pause;
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string> conditions = arguments.words("condition");
  constexpr std::string_view k_known[] = {"created", "exited",  "healthy",  "paused",   "restarting",
                                          "running", "stopped", "stopping", "unhealthy"};
  for (const std::string& condition : conditions) {
    if (std::ranges::find(k_known, condition) == std::end(k_known))
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("'{}' is no state of a container", printable(condition, 60)))
              .hint(did_you_mean(condition, k_known)));
  }
  const auto pause = TRY(parse_interval(arguments.value("interval", "250ms")));
  Containers containers = TRY(Containers::open(session));
  FirstError errors(session.console());
  for (const run::StoredContainer& record : TRY(selected_containers(containers, arguments, errors))) {
    const auto code = conditions.empty() ? wait_for_exit(containers, record)
                                         : wait_for(containers, record, conditions, pause);
    if (errors.done(code ? Result<>{} : std::unexpected(code.error()))) print_line(std::to_string(*code));
  }
  return std::move(errors).outcome({});
}

std::vector<Flag> flags() {
  std::vector<Flag> flags = {
      {.name = "condition",
       .value = "STATE",
       .help = "wait for this state, not for the end: running, paused, exited, healthy ...",
       .occurs = Occurs::often},
      {.name = "interval",
       .letter = 'i',
       .value = "TIME",
       .help = "with --condition: how often to look (default 250ms)"},
  };
  for (Flag flag : selection_flags()) {
    if (flag.name == "all") continue;
    if (flag.name == "ignore") flag.letter = 0;
    flags.push_back(flag);
  }
  return flags;
}

}  // namespace

const Verb& wait_verb() {
  static const Verb verb{
      .name = "wait",
      .operands = "CONTAINER...",
      .summary = "Wait until containers end, and print their exit codes",
      .details = "One line each. What does not run is not waited for: its last exit code is printed.",
      .flags = flags(),
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

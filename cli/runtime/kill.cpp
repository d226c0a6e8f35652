// verbs: runtime kill, delete
#include <regex.h>
#include <signal.h>

#include <functional>

#include "base/log.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "cli/runtime/opened.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/container_processes.hpp"

namespace ecrin::cli {
namespace {

// A regular expression of POSIX, extended.
class Pattern {
public:
  explicit Pattern(const std::string& text)
      : m_code(::regcomp(&m_compiled, text.c_str(), REG_EXTENDED | REG_NOSUB)) {}
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern() {
    if (m_code == 0) ::regfree(&m_compiled);
  }
  bool is_valid() const { return m_code == 0; }
  bool matches(const std::string& text) const {
    return ::regexec(&m_compiled, text.c_str(), 0, nullptr, 0) == 0;
  }

private:
  regex_t m_compiled{};
  int m_code;
};

// The containers that an operand stands for: one, or with --regex those whose ids it matches.
Result<std::vector<std::string>> matching_ids(const RuntimeContext& context, const Arguments& arguments) {
  const std::string& operand = arguments.operands().front();
  if (!arguments.on("regex")) return std::vector{operand};
  const Pattern pattern(operand);
  if (!pattern.is_valid())
    return fail(ErrorKind::invalid, "'{}' is no regular expression", printable(operand, 100));
  std::vector<std::string> ids = TRY(run::ContainerDirectory::list(context.root));
  std::erase_if(ids, [&pattern](const std::string& id) { return !pattern.matches(id); });
  return ids;
}

// All of them, whatever happens to some: the first error is returned, the others are warnings.
Result<int> for_each(const std::vector<std::string>& ids,
                     const std::function<Result<>(const std::string&)>& act) {
  std::optional<Error> first;
  for (const std::string& id : ids) {
    auto done = act(id);
    if (done) continue;
    if (first)
      log::warning("{}", done.error().message());
    else
      first = std::move(done).error();
  }
  if (first) return std::unexpected(std::move(*first));
  return 0;
}

// Also waits a moment for the first one's end.
Result<> kill_all(const run::ContainerRecord& record) {
  TRY(run::signal_all_processes(record, SIGKILL));
  (void)run::kill_first_process(record);
  return {};
}

Result<> kill_one(const RuntimeContext& context, const std::string& id, int number, bool all) {
  const OpenedContainer container = TRY(open_container(context, id, Changes::no));
  // What a container without a pid namespace of its own started can outlive its first process.
  if (all) return run::signal_all_processes(container.record, number);
  // Without a pid namespace of its own the other processes live on when the first one has ended.
  if (number == SIGKILL && container.status == run::ContainerStatus::stopped &&
      !container.record.own_pid_namespace && !TRY(run::container_processes(container.record)).empty())
    return run::signal_all_processes(container.record, number);
  if (container.status == run::ContainerStatus::stopped || container.status == run::ContainerStatus::creating)
    return fail(ErrorKind::conflict, "cannot send a signal to '{}': container not running", id);
  // In version 1 what is frozen does not end before it is thawed, which goes with the killing of all.
  const auto frozen = run::ContainerCgroup(container.record.cgroup).frozen();
  if (number == SIGKILL && ((frozen && *frozen) || !container.record.own_pid_namespace))
    return kill_all(container.record);
  if (number == SIGKILL) return run::kill_first_process(container.record);
  return run::signal_first_process(container.record, number);
}

Result<int> run_kill(const RuntimeContext& context, const Arguments& arguments) {
  const std::vector<std::string>& operands = arguments.operands();
  const std::string signal = operands.size() > 1 ? operands[1] : "TERM";
  const int number = signal == "0" ? 0 : TRY(parse_signal(signal));  // 0: does it live?
  return for_each(TRY(matching_ids(context, arguments)),
                  [&](const std::string& id) { return kill_one(context, id, number, arguments.on("all")); });
}

Result<> delete_one(const RuntimeContext& context, const std::string& id, bool force) {
  auto opened = open_container(context, id, Changes::no);
  if (!opened && force && opened.error().kind() == ErrorKind::not_found) return {};
  OpenedContainer container = TRY(std::move(opened));
  // Before the lock: another command may be waiting for the program that shall be killed.
  if (force && container.status != run::ContainerStatus::stopped) TRY(run::kill_container(container.record));
  const auto locked = container.directory.lock();
  if (!locked && force && locked.error().kind() == ErrorKind::not_found) return {};
  TRY(locked);
  TRY(read_again(container));
  const bool without_process = container.record.process.pid == 0;  // its create did not come to an end
  if (!without_process && container.status != run::ContainerStatus::stopped) {
    if (!force)
      return std::unexpected(
          Error(ErrorKind::conflict, fmt::format("cannot delete container '{}' that is not stopped: it is {}",
                                                 id, run::to_string(container.status)))
              .hint("--force kills it first"));
  }
  TRY(run::kill_container(container.record));
  return remove_container(container);
}

Result<int> run_delete(const RuntimeContext& context, const Arguments& arguments) {
  return for_each(TRY(matching_ids(context, arguments)),
                  [&](const std::string& id) { return delete_one(context, id, arguments.on("force")); });
}

constexpr std::string_view k_regex_help =
    "ID is a regular expression, for all containers whose ids it matches";

}  // namespace

const RuntimeVerb& runtime_kill_verb() {
  static const RuntimeVerb verb{
      .words =
          {
              .name = "runtime kill",
              .operands = "ID [SIGNAL]",
              .summary = "Send a signal (default TERM) to a container's first process",
              .flags =
                  {{.name = "all", .letter = 'a', .value = "", .help = "send it to all of its processes"},
                   {.name = "regex", .letter = 'r', .value = "", .help = k_regex_help}},
              .least_operands = 1,
              .most_operands = 2,
          },
      .run = run_kill,
  };
  return verb;
}

const RuntimeVerb& runtime_delete_verb() {
  static const RuntimeVerb verb{
      .words =
          {
              .name = "runtime delete",
              .operands = "ID",
              .summary = "Take away what is left of a stopped container",
              .flags = {{.name = "force", .letter = 'f', .value = "", .help = "kill it first, if it runs"},
                        {.name = "regex", .letter = 'r', .value = "", .help = k_regex_help}},
              .least_operands = 1,
              .most_operands = 1,
          },
      .run = run_delete,
  };
  return verb;
}

}  // namespace ecrin::cli

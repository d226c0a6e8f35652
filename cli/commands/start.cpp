// verb: start
#include "cli/containers/start.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/filter.hpp"
#include "cli/containers/selection.hpp"
#include "cli/containers/stored_request.hpp"
#include "cli/run_container.hpp"
#include "cli/table.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

Result<> start_one(Session& session, const run::StoredContainer& record) {
  if (is_active(record.state)) return {};
  auto started = start_container(session, record, {.presence = Presence::detached});
  if (!started) return std::unexpected(std::move(started).error().error);
  return {};
}

Outcome start_attached(Session& session, const run::StoredContainer& record, const Arguments& arguments) {
  if (is_active(record.state))
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("container '{}' is running already", record.name))
            .hint(fmt::format("attach to it: ecrin attach {}", record.name)));
  const StoredRequest stored = TRY(decode_request(record.request));
  std::string keys = TRY(parse_detach_keys(arguments.value("detach-keys", "ctrl-p,ctrl-q")));
  const Companion companion{.presence = Presence::attached,
                            .terminal = stored.request.terminal,
                            .input = arguments.on("interactive") && stored.request.interactive,
                            .signals = arguments.on("sig-proxy", true),
                            .detach_keys = std::move(keys)};
  const StartedContainer started = TRY(start_container(session, record, companion));
  if (!started.end || started.end->detached) return 0;
  return attached_outcome(session, started.end->code, started.end->out_of_memory, stored.request.resources);
}

Result<std::vector<run::StoredContainer>> chosen(Session& session, const Arguments& arguments,
                                                 FirstError& errors) {
  Containers containers = TRY(Containers::open(session));
  if (!arguments.has("filter")) return selected_containers(containers, arguments, errors);
  if (!arguments.operands().empty() || arguments.on("latest"))
    return fail(ErrorKind::invalid, "names, --latest and --filter do not go together");
  const ContainerFilter filter = TRY(ContainerFilter::parse(arguments.values("filter"), session.now()));
  const std::vector<run::StoredContainer> all = TRY(containers.list());
  std::vector<run::StoredContainer> records;
  for (const run::StoredContainer& record : all)
    if (TRY(filter.accepts(record, all))) records.push_back(record);
  return records;
}

Outcome run(Session& session, const Arguments& arguments) {
  FirstError errors(session.console());
  const std::vector<run::StoredContainer> records = TRY(chosen(session, arguments, errors));
  const bool attach = arguments.on("attach") || arguments.on("interactive");
  if (attach) {
    if (records.size() > 1)
      return std::unexpected(Error(ErrorKind::invalid, "only one container can be attached to at a time"));
    if (!records.empty()) return start_attached(session, records.front(), arguments);
  }
  for (const run::StoredContainer& record : records)
    if (errors.done(start_one(session, record))) print_line(record.name);
  return std::move(errors).outcome({});
}

std::vector<Flag> flags() {
  std::vector<Flag> flags = {
      {.name = "attach", .letter = 'a', .value = "", .help = "show its output, until it ends"},
      {.name = "detach-keys",
       .value = "KEYS",
       .help = "what to type to leave it running (default ctrl-p,ctrl-q)"},
      {.name = "filter",
       .letter = 'f',
       .value = "KEY=VALUE",
       .help = "those that fit, as 'ecrin ps' has it, in place of names",
       .occurs = Occurs::often},
      {.name = "interactive", .letter = 'i', .value = "", .help = "attach, and give it standard input"},
      {.name = "sig-proxy",
       .value = "",
       .help = "with --attach: pass signals on to the program (default true)"},
  };
  for (Flag flag : selection_flags()) {
    if (flag.name == "cidfile") continue;
    if (flag.name == "all" || flag.name == "ignore") flag.letter = 0;  // -a and -i are other things here
    flags.push_back(flag);
  }
  return flags;
}

}  // namespace

const Verb& start_verb() {
  static const Verb verb{
      .name = "start",
      .operands = "CONTAINER...",
      .summary = "Start containers that are not running",
      .details =
          "With what was written to their trees before. The names are printed; with --attach the output of "
          "the "
          "one container is shown, and the exit code is its program's.",
      .flags = flags(),
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

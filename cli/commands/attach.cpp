// verb: attach
#include <nlohmann/json.hpp>

#include "cli/commands/commands.hpp"
#include "cli/containers/attachment.hpp"
#include "cli/containers/selection.hpp"
#include "cli/containers/stored_request.hpp"
#include "cli/run_container.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  Containers containers = TRY(Containers::open(session));
  FirstError errors(session.console());
  const auto records = TRY(selected_containers(containers, arguments, errors));
  if (records.size() > 1)
    return std::unexpected(Error(ErrorKind::invalid, "only one container can be attached to at a time"));
  if (records.empty()) return std::move(errors).outcome({});
  if (records.front().state.status == run::LifeStatus::paused)
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("container '{}' is paused", records.front().name))
            .hint(fmt::format("let it go on: ecrin unpause {}", records.front().name)));
  const StoredRequest stored = TRY(decode_request(records.front().request));
  const bool input = stored.request.interactive && !arguments.on("no-stdin");
  std::string keys = TRY(parse_detach_keys(arguments.value("detach-keys", "ctrl-p,ctrl-q")));
  const AttachOptions options{.terminal = stored.request.terminal,
                              .input = input,
                              .signals = arguments.on("sig-proxy", true),
                              .detach_keys = std::move(keys)};
  const Fd socket = TRY(containers.connect(records.front()));
  const SignalQueue signals = TRY(SignalQueue::open());
  TRY(run::ask(socket, {{"verb", "attach"}, {"output", true}, {"input", input}}));
  const AttachEnd end = TRY(attend_container(socket, signals, options));
  if (end.detached) return 0;
  return attached_outcome(session, end.code, end.out_of_memory, stored.request.resources);
}

}  // namespace

const Verb& attach_verb() {
  static const Verb verb{
      .name = "attach",
      .operands = "CONTAINER",
      .summary = "Show what a running container writes, and type into it",
      .details =
          "From now on; 'ecrin logs' has what was before. Standard input goes to the program when the "
          "container "
          "was made with --interactive. The exit code is the program's; with the detach keys it goes on "
          "alone.",
      .flags =
          {
              {.name = "detach-keys",
               .value = "KEYS",
               .help = "what to type to leave it running (default ctrl-p,ctrl-q)"},
              {.name = "latest", .letter = 'l', .value = "", .help = "the container that was made last"},
              {.name = "no-stdin", .value = "", .help = "do not pass standard input on"},
              {.name = "sig-proxy", .value = "", .help = "pass signals on to the program (default true)"},
          },
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

#include "cli/run_container.hpp"

#include <signal.h>

#include "cli/chosen_image.hpp"
#include "cli/containers/inherited_volumes.hpp"
#include "cli/containers/monitor_process.hpp"
#include "cli/error_report.hpp"
#include "cli/table.hpp"
#include "run/cgroup/cgroup_settings.hpp"

namespace ecrin::cli {
namespace {

constexpr int k_killed = 128 + SIGKILL;

MonitorWork make_and_run(const ContainerRequest& request, const Arguments& arguments,
                         Program program = Program::of_image) {
  return [&, program](Session& session, const Companion& companion, Fd client) -> Outcome {
    StartSurroundings surroundings =
        TRY(StartSurroundings::open(session, request, wanted_cgroups(companion)));
    // Before an image is pulled for it.
    TRY(support_programs(session, {}, request.platform));
    ContainerRequest complete = request;
    TRY(inherit_volumes(session, complete));
    const NewContainer made = TRY(create_container(session, complete, arguments, program));
    return monitor_container(session, companion, std::move(client),
                             {.record = made.record,
                              .request = made.request,
                              .image = made.image,
                              .place = made.place,
                              .surroundings = surroundings});
  };
}

}  // namespace

// The kernel says nothing to who waits for a process that it killed for want of memory.
Outcome attached_outcome(Session& session, int code, bool out_of_memory, const oci::Resources& resources) {
  if (!out_of_memory) return code;
  const std::string message = run::out_of_memory_message(resources);
  if (code == k_killed)
    return std::unexpected(
        Failure(Error(ErrorKind::limit, message).hint("--memory is the limit of the container"), code));
  session.console().print(
      format_warning("a process of the container was " + message, session.style().colour));
  return code;
}

Outcome run_in_foreground(Session& session, const ContainerRequest& request, const Arguments& arguments,
                          Program program) {
  std::string keys = TRY(parse_detach_keys(arguments.value("detach-keys", "ctrl-p,ctrl-q")));
  const Companion companion{.presence = Presence::foreground,
                            .terminal = request.terminal,
                            .input = request.interactive,
                            .signals = arguments.on("sig-proxy", true),
                            .detach_keys = std::move(keys)};
  const StartedContainer started =
      TRY(start_monitor(session, companion, make_and_run(request, arguments, program)));
  if (!started.end || started.end->detached) return 0;
  return attached_outcome(session, started.end->code, started.end->out_of_memory, request.resources);
}

Outcome run_in_background(Session& session, const ContainerRequest& request, const Arguments& arguments) {
  const StartedContainer started =
      TRY(start_monitor(session, {.presence = Presence::detached}, make_and_run(request, arguments)));
  print_line(started.id);
  return 0;
}

}  // namespace ecrin::cli

// verb: pause
// verb: unpause
#include <nlohmann/json.hpp>

#include "cli/commands/commands.hpp"
#include "cli/containers/selection.hpp"
#include "cli/registry_options.hpp"
#include "cli/table.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

struct Wish {
  const char* verb;
  const char* doing;
  run::LifeStatus among_all;  // the state of those that --all means
};
constexpr Wish k_pause = {"pause", "pausing", run::LifeStatus::running};
constexpr Wish k_unpause = {"unpause", "unpausing", run::LifeStatus::paused};

Result<> ask_one(Containers& containers, const run::StoredContainer& record, const Wish& wish) {
  const Fd socket = TRY(containers.connect(record));
  TRY_WHILE(run::ask(socket, {{"verb", wish.verb}}), "{} container '{}'", wish.doing, record.name);
  return {};
}

Outcome ask_all(Session& session, const Arguments& arguments, const Wish& wish) {
  Containers containers = TRY(Containers::open(session));
  FirstError errors(session.console());
  for (const run::StoredContainer& record : TRY(selected_containers(containers, arguments, errors))) {
    if (arguments.on("all") && record.state.status != wish.among_all) continue;
    if (errors.done(ask_one(containers, record, wish))) print_line(record.name);
  }
  return std::move(errors).outcome({});
}

Outcome run_pause(Session& session, const Arguments& arguments) {
  return ask_all(session, arguments, k_pause);
}

Outcome run_unpause(Session& session, const Arguments& arguments) {
  return ask_all(session, arguments, k_unpause);
}

}  // namespace

const Verb& pause_verb() {
  static const Verb verb{
      .name = "pause",
      .operands = "CONTAINER...",
      .summary = "Stop all processes of containers for a while",
      .details =
          "They stand still where they are until 'ecrin unpause', whatever they do; nothing can be executed "
          "there meanwhile. For containers with a cgroup of their own.",
      .flags = selection_flags(),
      .run = run_pause,
  };
  return verb;
}

const Verb& unpause_verb() {
  static const Verb verb{
      .name = "unpause",
      .operands = "CONTAINER...",
      .summary = "Let paused containers go on",
      .details = "",
      .flags = selection_flags(),
      .run = run_unpause,
  };
  return verb;
}

}  // namespace ecrin::cli

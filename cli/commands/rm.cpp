// verb: rm
#include <set>

#include "cli/commands/commands.hpp"
#include "cli/containers/life_request.hpp"
#include "cli/containers/removal.hpp"
#include "cli/first_error.hpp"
#include "cli/table.hpp"
#include "cli/working_mounts.hpp"

namespace ecrin::cli {
namespace {

struct Removal {
  Session& session;
  Containers containers;
  build::WorkingContainers working;
  std::set<std::string> working_names;  // also of those that need() cannot read
  bool force = false;
  bool ignore = false;  // what is missing
  std::chrono::seconds timeout{0};
};

Result<> remove_working(Removal& removal, const std::string& name) {
  // Whoever works on it finishes first.
  const NamedLock lock = TRY(removal.working.lock(name, nullptr));
  TRY(drop_mount(removal.session, name));
  TRY(removal.working.remove(name));
  print_line(name);
  return {};
}

Result<> remove_one(Removal& removal, const run::StoredContainer& record, const std::string& words) {
  TRY(remove_container(removal.containers, record, removal.force ? EndRunning::yes : EndRunning::no,
                       removal.timeout));
  print_line(words);
  return {};
}

Result<> remove_named(Removal& removal, const std::string& words) {
  auto record = removal.containers.find(words);
  if (record) return remove_one(removal, *record, words);
  if (record.error().kind() != ErrorKind::not_found) return std::unexpected(record.error());
  if (removal.working_names.contains(words)) return remove_working(removal, words);
  if (removal.ignore) return {};
  return std::unexpected(std::move(record).error());
}

Result<> remove_all(Removal& removal, FirstError& errors) {
  for (const run::StoredContainer& record : TRY(removal.containers.list()))
    errors.done(remove_one(removal, record, record.id));
  for (const std::string& name : removal.working_names) errors.done(remove_working(removal, name));
  return {};
}

Outcome run(Session& session, const Arguments& arguments) {
  const bool all = arguments.on("all");
  const bool latest = arguments.on("latest");
  const std::vector<std::string> words = TRY(named_containers(arguments));
  // Where mounts of this session can be taken down.
  if (shared_namespace(session.environment())) TRY(session.stay_in_namespace());
  Store& store = TRY(session.workshop(Store::Purpose::freeing))->store();
  Containers containers = TRY(Containers::open(store));
  Removal removal{.session = session,
                  .containers = std::move(containers),
                  .working = build::WorkingContainers(store),
                  .working_names = {},
                  .force = arguments.on("force"),
                  .ignore = arguments.on("force") || arguments.on("ignore"),
                  .timeout = {}};
  if (const auto text = arguments.find("time")) removal.timeout = TRY(parse_stop_timeout(*text));
  const std::vector<std::string> names = TRY(removal.working.names());
  removal.working_names.insert(names.begin(), names.end());
  FirstError errors(session.console());
  if (all) TRY(remove_all(removal, errors));
  if (latest) {
    const run::StoredContainer record = TRY(removal.containers.latest());
    errors.done(remove_one(removal, record, record.id));
  }
  for (const std::string& word : words) errors.done(remove_named(removal, word));
  return std::move(errors).outcome({.not_found = 1, .conflict = 2});
}

}  // namespace

const Verb& rm_verb() {
  static const Verb verb{
      .name = "rm",
      .operands = "CONTAINER...",
      .summary = "Remove containers",
      .details =
          "Those of 'ecrin run' and 'ecrin create' with what was written to their trees, and working "
          "containers "
          "that 'ecrin from' made; steps of those stay in the build cache, images made of them stay. One "
          "that "
          "is running is removed with --force only.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "all containers, working ones too"},
              {.name = "cidfile",
               .value = "FILE",
               .help = "the container whose ID is in this file",
               .occurs = Occurs::often,
               .completion = Completion::file},
              {.name = "force",
               .letter = 'f',
               .value = "",
               .help = "kill what is running, and ignore what is missing"},
              {.name = "ignore", .letter = 'i', .value = "", .help = "ignore what is missing"},
              {.name = "latest", .letter = 'l', .value = "", .help = "the container that was made last"},
              {.name = "time",
               .letter = 't',
               .value = "SECONDS",
               .help = "with --force: how long to wait before it is killed (default 0)"},
              {.name = "volumes",
               .letter = 'v',
               .value = "",
               .help = "with its anonymous volumes; they go with it always"},
          },
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// verb: update
#include "cli/containers/update_request.hpp"

#include <nlohmann/json.hpp>

#include "cli/commands/commands.hpp"
#include "cli/containers/selection.hpp"
#include "cli/containers/stored_request.hpp"
#include "cli/resource_flags.hpp"
#include "cli/table.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

bool changes_limits(const Arguments& arguments) {
  for (const Flag& flag : resource_flags())
    if (arguments.has(flag.name)) return true;
  return false;
}

Result<> update(Session& session, Containers& containers, const run::StoredContainer& record,
                const Arguments& arguments) {
  const StoredRequest before = TRY(decode_request(record.request));
  const std::vector<std::string> words = updated_words(before.words, arguments);
  const std::string encoded = encode_request(words, before.image);
  // What is wrong with it is told as it would be at the start.
  const StoredRequest after = TRY(decode_request(encoded));
  if (is_active(record.state)) {
    Json request = {{"verb", "update"}};
    if (changes_limits(arguments)) request["limits"] = limit_words(words);
    if (const auto policy = arguments.find("restart")) request["restart"] = *policy;
    const Fd socket = TRY(containers.connect(record));
    TRY_WHILE(run::ask(socket, request), "updating container '{}'", record.name);
  } else if (changes_limits(arguments)) {
    TRY(open_cgroups(session, after.request.resources));
  }
  return containers.table().set_request(record.id, encoded);
}

Outcome run(Session& session, const Arguments& arguments) {
  std::span<const std::string> words = arguments.operands();
  Containers containers = TRY(Containers::open(session));
  const run::StoredContainer record = TRY(latest_or_first(containers, arguments, words));
  if (!words.empty()) return std::unexpected(Error(ErrorKind::invalid, "name one container"));
  if (!changes_limits(arguments) && !arguments.has("restart"))
    return std::unexpected(Error(ErrorKind::invalid, "there is nothing to update")
                               .hint("give a limit like --memory 64m, or --restart"));
  TRY(update(session, containers, record, arguments));
  print_line(record.id);
  return 0;
}

std::vector<Flag> flags() {
  std::vector<Flag> flags = update_flags();
  flags.push_back({.name = "latest", .letter = 'l', .value = "", .help = "the container that was made last"});
  return flags;
}

}  // namespace

const Verb& update_verb() {
  static const Verb verb{
      .name = "update",
      .operands = "CONTAINER",
      .summary = "Change the limits and the restart policy of a container",
      .details =
          "At once when it runs, and for its later starts. What is not named stays; 0 or -1 lifts a limit. "
          "Prints the ID.",
      .flags = flags(),
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// verbs: runtime state, list
#include <pwd.h>
#include <time.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/log.hpp"
#include "cli/runtime/opened.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

std::string user_name(uid_t user) {
  const struct passwd* entry = ::getpwuid(user);
  return entry != nullptr ? entry->pw_name : "#" + std::to_string(user);
}

Json full_state(const OpenedContainer& container) {
  Json state = run::state_document(container.record, container.status);
  state["owner"] = user_name(container.record.owner);
  return state;
}

// One that is being created is asked for by who waits for it, or by one of its hooks, for which it stays so.
Result<OpenedContainer> settled_container(const RuntimeContext& context, const std::string& id) {
  constexpr int k_tries = 25;
  const struct timespec pause = {.tv_sec = 0, .tv_nsec = 20'000'000};
  OpenedContainer container = TRY(open_container(context, id, Changes::no));
  for (int tries = 0; tries < k_tries && container.status == run::ContainerStatus::creating; ++tries) {
    ::nanosleep(&pause, nullptr);
    TRY(read_again(container));
  }
  return container;
}

Result<int> run_state(const RuntimeContext& context, const Arguments& arguments) {
  print(dump_json_pretty(full_state(TRY(settled_container(context, arguments.operands().front())))));
  return 0;
}

Result<int> run_list(const RuntimeContext& context, const Arguments& arguments) {
  const std::vector<std::string> ids = TRY(run::ContainerDirectory::list(context.root));
  if (arguments.on("quiet")) {
    for (const std::string& id : ids) print_line(id);
    return 0;
  }
  std::vector<Json> states;
  for (const std::string& id : ids) {
    const auto container = open_container(context, id, Changes::no);
    if (!container && container.error().kind() == ErrorKind::not_found) continue;  // deleted meanwhile
    if (!container) {
      log::warning("container '{}' is left out: {}", id, container.error().message());
      continue;
    }
    states.push_back(full_state(*container));
  }
  if (arguments.value("format") == "json") {
    // In the order of other runtimes: some look for it in the text.
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Json& state : states) {
      nlohmann::ordered_json ordered;
      for (const char* key : {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created"})
        ordered[key] = state[key];
      for (const auto& [key, value] : state.items()) ordered[key] = value;
      list.push_back(std::move(ordered));
    }
    print_line(list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& state : states)
    rows.push_back({state["id"], std::to_string(state["pid"].get<int>()), state["status"], state["bundle"],
                    state["created"], state["owner"]});
  print(format_table({"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}, rows, Heading::shown));
  return 0;
}

}  // namespace

const RuntimeVerb& runtime_state_verb() {
  static const RuntimeVerb verb{
      .words = {.name = "runtime state",
                .operands = "ID",
                .summary = "Show the state of a container",
                .least_operands = 1,
                .most_operands = 1},
      .run = run_state,
  };
  return verb;
}

const RuntimeVerb& runtime_list_verb() {
  static const RuntimeVerb verb{
      .words = {.name = "runtime list",
                .operands = "",
                .summary = "List the containers below --root",
                .flags = {{.name = "format",
                           .letter = 'f',
                           .value = "FORMAT",
                           .help = "table (default) or json",
                           .completion = Completion::word,
                           .words = {"table", "json"}},
                          {.name = "quiet", .letter = 'q', .value = "", .help = "show only ids"}},
                .most_operands = 0},
      .run = run_list,
  };
  return verb;
}

}  // namespace ecrin::cli

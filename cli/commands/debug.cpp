// verb: debug
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/build_request.hpp"
#include "cli/commands/commands.hpp"
#include "cli/environment.hpp"
#include "cli/registry_options.hpp"
#include "cli/run_settings.hpp"
#include "cli/step_shell.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Result<> list_steps(const std::vector<build::KeptStep>& steps, const std::string& format, std::int64_t now) {
  std::vector<Json> rows;
  std::vector<std::vector<std::string>> cells;
  for (const build::KeptStep& step : steps) {
    const std::string place = fmt::format("{}:{}", printable(step.file), step.line);
    const std::string since = time_ago(step.created, now);
    rows.push_back({{"Id", step.id},
                    {"Created", step.created},
                    {"CreatedSince", since},
                    {"File", printable(step.file)},
                    {"Line", step.line},
                    {"Context", printable(step.context)},
                    {"Stage", printable(step.stage)},
                    {"Step", step.number},
                    {"Text", printable(step.text)},
                    {"ExitCode", step.exit_code}});
    cells.push_back({step.id, since, place, std::to_string(step.number), std::to_string(step.exit_code),
                     printable(step.text, 60)});
  }
  if (!format.empty()) return print_formatted(format, rows);
  print(format_table({"BUILD", "FAILED", "PLACE", "STEP", "EXIT", "WHAT"}, cells, Heading::shown));
  return {};
}

Result<> remove_steps(build::Workshop& workshop, const std::vector<std::string>& words, bool all) {
  build::KeptSteps kept(workshop.store().database());
  std::vector<std::string> ids;
  if (all) {
    for (const build::KeptStep& step : TRY(kept.list())) ids.push_back(step.id);
  }
  for (const std::string& word : words) ids.push_back(TRY(kept.find(word)).id);
  const std::vector<std::string> busy = TRY(build::remove_kept_steps(workshop, ids));
  if (!busy.empty()) {
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("in use by another 'ecrin debug': {}", join(busy, ", ")))
            .hint("leave that one first"));
  }
  return {};
}

Result<build::BuildOptions> debug_options(const Arguments& arguments, const Environment& environment) {
  build::BuildOptions options;
  options.secrets = TRY(requested_secrets(arguments, environment));
  for (const std::string& text : arguments.values("ssh"))
    options.ssh_agents.push_back(TRY(parse_ssh(text, environment)));
  options.run = TRY(run_settings(arguments));
  options.proxy_environment = proxy_environment(environment);
  return options;
}

// Those of a build that make sense for a step that stands already.
std::vector<Flag> settings_flags() {
  constexpr std::array<std::string_view, 3> k_wanted = {"add-host", "ulimit", "volume"};
  std::vector<Flag> flags;
  for (const Flag& flag : run_settings_flags())
    if (std::ranges::find(k_wanted, flag.name) != k_wanted.end()) flags.push_back(flag);
  return flags;
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& operands = arguments.operands();
  const auto first_word = operands.begin() + static_cast<std::ptrdiff_t>(arguments.before_dashes());
  const std::vector<std::string> names(operands.begin(), first_word);
  const std::vector<std::string> command(first_word, operands.end());
  const bool removes = arguments.on("rm");
  if (arguments.on("list") && (removes || !names.empty()))
    return std::unexpected(Error(ErrorKind::invalid, "--list lists all that is kept, and does nothing else"));
  if (arguments.on("all") && !removes) return std::unexpected(Error(ErrorKind::invalid, "--all is for --rm"));
  if (removes && arguments.on("all") != names.empty())
    return std::unexpected(Error(ErrorKind::invalid, "--rm needs BUILD... or --all, one of the two"));
  if ((removes || arguments.on("list")) && !command.empty())
    return std::unexpected(Error(ErrorKind::invalid, "a command is run in a step, not in a list of them"));
  if (!removes && names.size() > 1)
    return std::unexpected(Error(ErrorKind::invalid, "one step at a time can be opened")
                               .hint("a command comes after '--': ecrin debug BUILD -- COMMAND"));
  const build::BuildOptions options = TRY(debug_options(arguments, session.environment()));
  build::Workshop* workshop = TRY(session.workshop(removes ? Store::Purpose::freeing : Store::Purpose::work));
  build::KeptSteps kept(workshop->store().database());
  if (arguments.on("list")) {
    TRY(list_steps(TRY(kept.list()), arguments.value("format"), session.now()));
    return 0;
  }
  if (removes) {
    TRY(remove_steps(*workshop, names, arguments.on("all")));
    return 0;
  }
  const build::KeptStep step = TRY(kept.find(names.empty() ? "" : names.front()));
  if (command.empty()) {
    session.console().print("note: " + describe(step));
    session.console().print("note: what is changed here is thrown away");
  }
  // Mounting takes no time worth a signal of its own; after it, signals are the program's.
  const CancelToken never;
  return enter_step(session, *workshop, step, options, command, never);
}

}  // namespace

const Verb& debug_verb() {
  static const Verb verb{
      .name = "debug",
      .operands = "[BUILD] [-- COMMAND [ARG...]]",
      .summary = "Open a build step that failed, as it was left",
      .details =
          "A shell, or COMMAND, on the tree that the failed step left, with its environment, mounts, user "
          "and "
          "network. Without BUILD the last one that failed. What is changed there is thrown away. The exit "
          "code is the program's.",
      .flags = with_flags(
          {
              {.name = "all", .letter = 'a', .value = "", .help = "with --rm: all of them"},
              {.name = "format", .value = "FORMAT", .help = "of the list: json, or a template"},
              {.name = "list", .letter = 'l', .value = "", .help = "list the failed steps that are kept"},
              {.name = "rm", .value = "", .help = "remove what is kept of BUILD..."},
              {.name = "secret",
               .value = "SPEC",
               .help = "id=NAME,src=FILE or id=NAME,env=VARIABLE: secrets are not kept",
               .occurs = Occurs::often},
              {.name = "ssh",
               .value = "SPEC",
               .help = "default, ID=SOCKET or ID=KEY[,KEY...]: agents are not kept either",
               .occurs = Occurs::often,
               .completion = Completion::file},
          },
          settings_flags()),
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

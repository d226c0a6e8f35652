// verb: runtime ps
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/child.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/runtime/opened.hpp"
#include "cli/table.hpp"
#include "run/container_processes.hpp"

namespace ecrin::cli {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words = split(line, ' ');
  std::erase(words, "");
  return words;
}

// The heading of ps, and its lines about these processes.
Result<std::string> lines_about(const std::string& table, const std::vector<pid_t>& pids) {
  const std::vector<std::string> lines = split(table, '\n');
  const std::vector<std::string> heading = words_of(lines.front());
  const auto column = static_cast<std::size_t>(std::ranges::find(heading, "PID") - heading.begin());
  if (column == heading.size())
    return fail(ErrorKind::invalid,
                "the options for ps leave out the column PID: the container's processes cannot be told");
  std::string text = lines.front() + "\n";
  for (const std::string& line : std::vector(lines.begin() + 1, lines.end())) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() <= column) continue;
    const auto pid = parse_unsigned(words[column], 1u << 30);
    if (pid && std::ranges::binary_search(pids, static_cast<pid_t>(*pid))) text += line + "\n";
  }
  return text;
}

Result<int> run_ps(const RuntimeContext& context, const Arguments& arguments) {
  const OpenedContainer container = TRY(open_container(context, arguments.operands().front(), Changes::no));
  const std::vector<pid_t> pids = TRY(run::container_processes(container.record));
  if (arguments.value("format") == "json") {
    print_line(dump_json(pids));
    return 0;
  }
  Command ps{.argv = {"ps"}};
  ps.search_path = helper_search_path(context.environment);
  ps.argv.insert(ps.argv.end(), arguments.operands().begin() + 1, arguments.operands().end());
  if (ps.argv.size() == 1) ps.argv.emplace_back("-ef");
  const Output output = TRY(run_command(std::move(ps)));
  if (!output.status.success())
    return fail(ErrorKind::invalid, "ps failed: {}", printable(trim(output.standard_error), 400));
  print(TRY(lines_about(output.standard_output, pids)));
  return 0;
}

}  // namespace

const RuntimeVerb& runtime_ps_verb() {
  static const RuntimeVerb verb{
      .words =
          {.name = "runtime ps",
           .operands = "ID [OPTION OF PS...]",
           .summary = "Show the processes of a container",
           .details =
               "The options are those of ps(1); default -ef. The column PID must be among what it shows.",
           .flags = {{.name = "format",
                      .letter = 'f',
                      .value = "FORMAT",
                      .help = "table (default): what ps shows; json: the pids",
                      .completion = Completion::word,
                      .words = {"table", "json"}}},
           .least_operands = 1,
           .order = Order::flags_first},
      .run = run_ps,
  };
  return verb;
}

}  // namespace ecrin::cli

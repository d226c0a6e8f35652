// verb: doctor
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "run/emulation/platform_finding.hpp"
#include "run/host_features.hpp"

namespace ecrin::cli {
namespace {

using run::Finding;
using Level = Finding::Level;

Finding from_error(std::string name, const Error& error) {
  return {.level = Level::problem,
          .name = std::move(name),
          .fact = error.message(),
          .meaning = "nothing can be built or run",
          .fix = error.hint_text()};
}

std::vector<Finding> driver_findings(build::Workshop& workshop) {
  std::vector<Finding> findings;
  const auto draft = workshop.layers().draft();
  if (!draft) return {from_error("layer drivers", draft.error())};
  bool better_works = false;
  for (const fs::DriverProbe& probe : fs::probe_drivers(draft->path() + "/diff")) {
    Finding finding{.name = "driver " + std::string(fs::to_string(probe.kind))};
    if (probe.problem.empty()) {
      finding.fact = better_works ? "works, not needed" : "works";
      better_works = true;
    } else {
      // One driver that works is enough; what is slower is worth a remark only when nothing faster is there.
      finding.level = Level::note;
      finding.fact = probe.problem;
      finding.meaning = better_works ? "" : "the next driver is used";
      finding.fix = probe.hint;
    }
    findings.push_back(std::move(finding));
  }
  if (!better_works) {
    findings.push_back({.level = Level::problem,
                        .name = "layer drivers",
                        .fact = "none works",
                        .meaning = "nothing can be built or run",
                        .fix = "see the lines above"});
  }
  return findings;
}

std::vector<Finding> examine(Session& session) {
  // The host first: its probes are children of a process that is still an ordinary one.
  std::vector<Finding> findings = run::probe_host(session.search_path());
  const auto identity = session.enter_namespace();
  if (!identity) {
    findings.push_back(from_error("user namespace", identity.error()));
    return findings;
  }
  const auto workshop = session.workshop();
  if (!workshop) {
    findings.push_back(from_error("store", workshop.error()));
    return findings;
  }
  findings.push_back({.name = "store", .fact = (*workshop)->store().path()});
  findings.push_back(run::probe_other_platforms(session.search_path()));
  for (Finding& finding : driver_findings(**workshop)) findings.push_back(std::move(finding));
  return findings;
}

struct LevelLook {
  std::string_view name;  // in JSON
  std::string_view symbol;
  std::string_view plain;
  int colour;
};

LevelLook look(Level level) {
  switch (level) {
    case Level::ok:
      return {"ok", "✔", "ok  ", 32};
    case Level::note:
      return {"note", "•", "note", 36};
    case Level::lack:
      return {"lack", "!", "LACK", 33};
    case Level::problem:
      break;
  }
  return {"problem", "✘", "BAD ", 31};
}

std::string mark(Level level, const ProgressStyle& style) {
  const LevelLook shown = look(level);
  const std::string_view text = style.utf8 ? shown.symbol : shown.plain;
  if (style.colour == Colour::no) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", shown.colour, text);
}

Outcome run_doctor(Session& session, const Arguments& arguments) {
  const std::vector<Finding> findings = examine(session);
  if (arguments.value("format") == "json") {
    Json list = Json::array();
    for (const Finding& finding : findings) {
      list.push_back({{"level", look(finding.level).name},
                      {"name", finding.name},
                      {"fact", finding.fact},
                      {"meaning", finding.meaning},
                      {"fix", finding.fix}});
    }
    print(dump_json_pretty(list));
  } else {
    const std::string indent(session.style().utf8 ? 2 : 5, ' ');
    for (const Finding& finding : findings) {
      print_line(fmt::format("{} {}: {}", mark(finding.level, session.style()), finding.name, finding.fact));
      if (!finding.meaning.empty()) print_line(indent + "so: " + finding.meaning);
      if (!finding.fix.empty()) print_line(indent + "fix: " + finding.fix);
    }
  }
  Level worst = Level::ok;
  for (const Finding& finding : findings) worst = std::max(worst, finding.level);
  return worst == Level::problem ? 2 : worst == Level::lack ? 1 : 0;
}

}  // namespace

const Verb& doctor_verb() {
  static const Verb verb{
      .name = "doctor",
      .operands = "",
      .summary = "Say what works on this machine, what does not, and how to fix it",
      .details =
          "Exit code 0: all that ecrin needs works; 1: something that users may ask for is missing; 2: "
          "nothing can "
          "be built or run.",
      .flags = {{.name = "format",
                 .letter = 'f',
                 .value = "FORMAT",
                 .help = "json",
                 .completion = Completion::word,
                 .words = {"json"}}},
      .most_operands = 0,
      .run = run_doctor,
  };
  return verb;
}

}  // namespace ecrin::cli

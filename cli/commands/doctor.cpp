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

constexpr const char* k_nothing_runs = "nothing can be built or run";

Finding from_error(std::string name, const Error& error) {
  return run::finding_of(Level::problem, std::move(name), error, k_nothing_runs);
}

std::vector<Finding> driver_findings(build::Workshop& workshop, const run::Identity& identity) {
  // Then it is not a matter of drivers.
  const bool mounts_nothing = identity.mode == run::IdentityMode::chroot;
  std::vector<Finding> findings;
  const auto draft = workshop.layers().draft();
  if (!draft) return {from_error("layer drivers", draft.error())};
  std::string used;
  for (const fs::DriverProbe& probe : fs::probe_drivers(draft->path() + "/diff")) {
    Finding finding{.name = "driver " + std::string(fs::to_string(probe.kind))};
    if (probe.problem.empty()) {
      finding.fact = used.empty() ? "works, and is used" : "works, not needed";
      if (used.empty()) used = fs::to_string(probe.kind);
    } else {
      // One driver that works is enough; what is slower is worth a remark only when nothing faster is there.
      finding.level = Level::note;
      finding.fact = probe.problem;
      finding.meaning = used.empty() ? "the next driver is used" : "";
      finding.fix = mounts_nothing ? identity.fix : probe.hint;
    }
    findings.push_back(std::move(finding));
  }
  if (used.empty()) {
    findings.push_back({.level = Level::problem,
                        .name = "layer drivers",
                        .fact = "none works",
                        .meaning = k_nothing_runs,
                        .fix = "see the lines above"});
  } else if (used == "copy") {
    findings.back().level = Level::note;
    findings.back().meaning = "each step copies the tree that it starts on: slower, the same images";
    findings.back().fix =
        mounts_nothing
            ? identity.fix
            : "a store on a volume or a disk of its own: ecrin --root DIR (ext4, xfs, btrfs, tmpfs)";
  }
  return findings;
}

std::vector<Finding> examine(Session& session) {
  // The host first: its probes are children of a process that is still an ordinary one.
  std::vector<Finding> findings = run::probe_host(session.search_path());
  // Its refusal is among them.
  const auto identity = session.enter_namespace();
  if (!identity) return findings;
  const auto workshop = session.workshop();
  if (!workshop) {
    findings.push_back(from_error("store", workshop.error()));
    return findings;
  }
  findings.push_back({.name = "store", .fact = (*workshop)->store().path()});
  findings.push_back(run::probe_other_platforms(session.search_path()));
  for (Finding& finding : driver_findings(**workshop, **identity)) findings.push_back(std::move(finding));
  return findings;
}

// More than one line is a file's content: below, as it is.
void print_part(std::string_view indent, std::string_view word, const std::string& text) {
  if (text.empty()) return;
  std::string lead = fmt::format("{}{}: ", indent, word);
  for (const std::string& line : split(text, '\n')) {
    print_line(lead + line);
    lead = std::string(indent) + "    ";
  }
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
      print_part(indent, "so", finding.meaning);
      print_part(indent, "fix", finding.fix);
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

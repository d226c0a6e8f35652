#include "run/emulation/platform_finding.hpp"

#include <map>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "run/emulation/machine.hpp"
#include "run/emulation/platform_support.hpp"

namespace ecrin::run {

Finding probe_other_platforms(const std::string& search_path) {
  Finding finding{.name = "other platforms"};
  std::map<ProgramsRun, std::vector<std::string>> running;
  std::vector<std::string> refused;
  std::optional<Error> first;
  const oci::Platform host = oci::Platform::host();
  for (const Machine& machine : known_machines()) {
    if (machine.architecture == host.architecture) continue;
    oci::Platform platform;
    platform.architecture = machine.architecture;
    const auto support = support_platform(platform, search_path);
    if (support) {
      running[*support].push_back(platform.architecture);
    } else {
      refused.push_back(platform.architecture);
      if (!first) first = support.error();
    }
  }
  std::vector<std::string> facts;
  const auto tell = [&](ProgramsRun how, std::string_view words) {
    if (!running[how].empty()) facts.push_back(fmt::format("{} {}", join(running[how], ", "), words));
  };
  tell(ProgramsRun::natively, "natively");
  tell(ProgramsRun::by_registration, "as registered on this host");
  tell(ProgramsRun::by_emulator, "by qemu-user");
  finding.fact = facts.empty() ? first->message() : join(facts, "; ");
  if (refused.empty()) return finding;
  finding.level = Finding::Level::note;
  finding.meaning = "programs cannot be run for " + join(refused, ", ");
  finding.fix = first->hint_text();
  return finding;
}

}  // namespace ecrin::run

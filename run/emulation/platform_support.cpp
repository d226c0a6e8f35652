#include "run/emulation/platform_support.hpp"

#include <elf.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "base/child.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/file_owners.hpp"
#include "run/emulation/binfmt.hpp"
#include "run/emulation/machine.hpp"
#include "run/emulation/probe_program.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_install_emulator =
    "apt-get install qemu-user-static (Debian, Ubuntu), dnf install qemu-user-static (Fedora), as root";
constexpr const char* k_register_on_host =
    "apt-get install qemu-user-static binfmt-support, as root: it registers the emulator for the whole host";

// Processors that run the other kind's programs too, where their kernel was built so.
bool is_relative(const oci::Platform& platform, const oci::Platform& host) {
  return (host.architecture == "amd64" && platform.architecture == "386") ||
         (host.architecture == "arm64" && platform.architecture == "arm");
}

Error refusal(const oci::Platform& platform, const PlatformFacts& facts, const std::string& reason) {
  std::string message = fmt::format("cannot run programs for {} on this {} host",
                                    printable(platform.to_string(), 100), facts.host.to_string());
  if (!reason.empty()) message += ": " + reason;
  return Error(ErrorKind::unsupported, std::move(message));
}

Error explain_binfmt(const oci::Platform& platform, const PlatformFacts& facts) {
  if (!facts.in_user_namespace)
    return refusal(platform, facts,
                   "without a user namespace of ours an emulator would be registered for the whole host")
        .hint(std::string("start ecrin as an ordinary user, or ") + k_register_on_host);
  if (facts.binfmt_code == EPERM)
    return refusal(platform, facts, "this kernel lets no user namespace register an emulator")
        .hint(std::string("Linux 6.7 or later does; with an older one: ") + k_register_on_host);
  if (facts.binfmt_code == ENODEV)
    return refusal(platform, facts, "this kernel has no binfmt_misc").hint("modprobe binfmt_misc (as root)");
  return Error::from_errno(facts.binfmt_code,
                           refusal(platform, facts, "registering an emulator failed").message())
      .hint(k_register_on_host);
}

// A program with a dynamic loader would look for it in the container.
enum class Linkage { unknown, dynamic, by_itself };
Linkage linkage(const std::string& path) {
  const auto file = posix::open(path, O_RDONLY);
  std::array<std::byte, 4096> head{};  // linkers put all that is looked at into the first page
  const auto size = file ? posix::read_some(*file, head) : Result<std::size_t>(0);
  const std::string_view text(reinterpret_cast<const char*>(head.data()), size.value_or(0));
  const auto kind = read_elf_kind(text);
  const Machine* own = own_machine();
  Elf64_Ehdr header{};
  if (!kind || !own || *kind != own->elf || text.size() < sizeof header) return Linkage::unknown;
  std::memcpy(&header, text.data(), sizeof header);
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > text.size() ||
      text.size() - header.e_phoff < std::size_t{header.e_phnum} * sizeof(Elf64_Phdr))
    return Linkage::unknown;
  for (std::size_t index = 0; index < header.e_phnum; ++index) {
    Elf64_Phdr segment{};
    std::memcpy(&segment, text.data() + header.e_phoff + index * sizeof segment, sizeof segment);
    if (segment.p_type == PT_INTERP) return Linkage::dynamic;
  }
  return Linkage::by_itself;
}

// What this process has found out and holds.
class Support {
public:
  Result<ProgramsRun> provide(const oci::Platform& platform, const std::string& search_path);

private:
  PlatformFacts look(const oci::Platform& platform, const Machine& machine, const std::string& search_path);
  Result<ProgramsRun> arrange(const oci::Platform& platform, const std::string& search_path);

  std::mutex m_mutex;
  std::map<std::string, Result<ProgramsRun>> m_known;  // by platform
  std::optional<BinfmtInstance> m_instance;
};

PlatformFacts Support::look(const oci::Platform& platform, const Machine& machine,
                            const std::string& search_path) {
  PlatformFacts facts{.host = oci::Platform::host()};
  const auto tried = try_program(machine);
  if (!tried) log::debug("no program for {} was tried: {}", platform.to_string(), tried.error().message());
  facts.runs = tried && *tried == Runs::yes;
  facts.answers_calls = fs::owners_are_recorded();
  if (facts.runs && !(facts.answers_calls && is_relative(platform, facts.host))) return facts;
  FoundEmulator found = find_emulator(platform.architecture, search_path);
  facts.emulator = std::move(found.path);
  facts.emulator_problem = std::move(found.problem);
  // An instance of ours hides the host's until the user namespace ends, so there is none in vain.
  if (facts.emulator.empty() || m_instance) return facts;
  auto opened = BinfmtInstance::open();
  if (opened) {
    m_instance.emplace(std::move(*opened));
  } else {
    facts.binfmt_code = opened.error().code();
    facts.in_user_namespace = facts.binfmt_code != 0;
  }
  return facts;
}

Result<ProgramsRun> Support::arrange(const oci::Platform& platform, const std::string& search_path) {
  PlatformFacts facts{.host = oci::Platform::host()};
  const Machine* machine = find_machine(platform.architecture);
  const bool is_other = machine && platform.os == "linux" && platform.architecture != facts.host.architecture;
  if (is_other) facts = look(platform, *machine, search_path);
  const ProgramsRun outcome = TRY(decide(platform, facts));
  if (outcome != ProgramsRun::by_emulator) return outcome;
  TRY(m_instance->add(fmt::format("ecrin-{}", machine->qemu), binfmt_entry(*machine, facts.emulator)));
  if (TRY(try_program(*machine)) == Runs::no)
    return std::unexpected(
        refusal(platform, facts, fmt::format("'{}' does not start them", printable(facts.emulator)))
            .hint("a newer QEMU does (6.0 or later)"));
  log::debug("programs for {} run under '{}'", platform.to_string(), printable(facts.emulator));
  return outcome;
}

Result<ProgramsRun> Support::provide(const oci::Platform& platform, const std::string& search_path) {
  const std::scoped_lock lock(m_mutex);
  const std::string name = platform.to_string();
  if (const auto known = m_known.find(name); known != m_known.end()) return known->second;
  return m_known.emplace(name, arrange(platform, search_path)).first->second;
}

}  // namespace

Result<ProgramsRun> decide(const oci::Platform& platform, const PlatformFacts& facts) {
  const bool is_known = find_machine(platform.architecture) != nullptr;
  const bool is_own = platform.architecture == facts.host.architecture;
  // Of a variant too: what a newer one has, this processor may have, or programs look for it themselves.
  if (platform.os == facts.host.os && is_own) return ProgramsRun::natively;
  if (platform.os != facts.host.os || !is_known) return std::unexpected(refusal(platform, facts, ""));
  if (facts.runs && !is_relative(platform, facts.host)) return ProgramsRun::by_registration;
  const bool can_emulate = !facts.emulator.empty() && facts.binfmt_code == 0 && facts.in_user_namespace;
  if (facts.runs && !(facts.answers_calls && can_emulate)) return ProgramsRun::natively;
  if (facts.emulator.empty())
    return std::unexpected(refusal(platform, facts, facts.emulator_problem).hint(k_install_emulator));
  if (!can_emulate) return std::unexpected(explain_binfmt(platform, facts));
  return ProgramsRun::by_emulator;
}

FoundEmulator find_emulator(const std::string& architecture, const std::string& search_path) {
  FoundEmulator found;
  const Machine* machine = find_machine(architecture);
  if (!machine) return {.path = {}, .problem = "there is no emulator that is known for it"};
  const std::string name = fmt::format("qemu-{}", machine->qemu);
  for (const std::string& candidate : {name + "-static", name}) {
    const std::string path = find_program(candidate, search_path);
    if (path.empty()) continue;
    switch (linkage(path)) {
      case Linkage::by_itself:
        return {.path = path, .problem = {}};
      case Linkage::dynamic:
        found.problem = fmt::format("'{}' is linked dynamically, and its libraries are not in the container",
                                    printable(path));
        break;
      case Linkage::unknown:
        found.problem = fmt::format("'{}' is not a program of this host", printable(path));
        break;
    }
  }
  if (found.problem.empty()) found.problem = fmt::format("there is no {}-static in PATH", name);
  return found;
}

Result<ProgramsRun> support_platform(const oci::Platform& platform, const std::string& search_path) {
  static Support support;
  return support.provide(platform, search_path);
}

}  // namespace ecrin::run

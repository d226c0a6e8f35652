#include "oci/seccomp_profile.hpp"

#include <string.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {
namespace {

constexpr int k_last_errno = 133;

struct ArchitectureName {
  std::string_view go, seccomp;
};
constexpr std::array<ArchitectureName, 16> k_architectures = {{
    {"386", "SCMP_ARCH_X86"},
    {"amd64", "SCMP_ARCH_X86_64"},
    {"arm", "SCMP_ARCH_ARM"},
    {"arm64", "SCMP_ARCH_AARCH64"},
    {"loong64", "SCMP_ARCH_LOONGARCH64"},
    {"mips", "SCMP_ARCH_MIPS"},
    {"mips64", "SCMP_ARCH_MIPS64"},
    {"mips64le", "SCMP_ARCH_MIPSEL64"},
    {"mipsle", "SCMP_ARCH_MIPSEL"},
    {"ppc", "SCMP_ARCH_PPC"},
    {"ppc64", "SCMP_ARCH_PPC64"},
    {"ppc64le", "SCMP_ARCH_PPC64LE"},
    {"riscv64", "SCMP_ARCH_RISCV64"},
    {"s390", "SCMP_ARCH_S390"},
    {"s390x", "SCMP_ARCH_S390X"},
    {"x86", "SCMP_ARCH_X86"},
}};

struct ArchitectureMap {
  std::string architecture;
  std::vector<std::string> sub_architectures;
};
Result<> read_value(const JsonProperty& property, ArchitectureMap& map) {
  TRY(read_required(property, "architecture", map.architecture));
  return read(property, "subArchitectures", map.sub_architectures);
}

struct Filter {
  std::vector<std::string> capabilities, architectures;
  std::string least_kernel;
};
Result<> read_value(const JsonProperty& property, Filter& filter) {
  TRY(read(property, "caps", filter.capabilities));
  TRY(read(property, "arches", filter.architectures));
  return read(property, "minKernel", filter.least_kernel);
}

// "EPERM" as a number.
Result<> read_errno_name(const JsonProperty& object, std::string_view key, std::optional<unsigned>& value) {
  std::string name;
  TRY(read(object, key, name));
  if (name.empty() || value) return {};
  for (int number = 1; number <= k_last_errno; ++number) {
    const char* known = ::strerrorname_np(number);
    if (known == nullptr || name != known) continue;
    value = static_cast<unsigned>(number);
    return {};
  }
  return object.refuse("has the unknown error '" + printable(name, 60) + "'");
}

class Profile {
public:
  explicit Profile(const SeccompFacts& facts) : m_facts(facts) {}

  Result<SeccompConfig> read_from(const JsonProperty& document) {
    SeccompConfig config;
    TRY(read_required(document, "defaultAction", config.default_action));
    TRY(read(document, "defaultErrnoRet", config.default_errno_return));
    TRY(read_errno_name(document, "defaultErrno", config.default_errno_return));
    TRY(read(document, "architectures", config.architectures));
    TRY(read(document, "flags", config.flags));
    TRY(read(document, "listenerPath", config.listener_path));
    TRY(read(document, "listenerMetadata", config.listener_metadata));
    TRY(read_architectures(document, config));
    if (const auto rules = TRY(document.find("syscalls")))
      for (const JsonProperty& rule : TRY(rules->elements())) TRY(read_rule(rule, config));
    return config;
  }

private:
  Result<> read_architectures(const JsonProperty& document, SeccompConfig& config) const {
    std::vector<ArchitectureMap> maps;
    TRY(read(document, "archMap", maps));
    if (maps.empty()) return {};
    if (!config.architectures.empty())
      return fail(ErrorKind::invalid, "there are 'architectures' and an 'archMap': one of them can be meant");
    const auto* native =
        std::ranges::find(k_architectures, std::string_view(m_facts.architecture), &ArchitectureName::go);
    for (const ArchitectureMap& map : maps) {
      if (native == k_architectures.end() || map.architecture != native->seccomp) continue;
      config.architectures = map.sub_architectures;
      config.architectures.insert(config.architectures.begin(), map.architecture);
    }
    return {};
  }

  Result<> read_rule(const JsonProperty& property, SeccompConfig& config) const {
    SeccompRule rule;
    std::string name;
    TRY(read(property, "name", name));
    TRY(read(property, "names", rule.names));
    if (!name.empty() && !rule.names.empty()) return property.refuse("has a name and names");
    if (!name.empty()) rule.names.push_back(name);
    if (rule.names.empty()) return property.refuse("has no names");
    TRY(read_required(property, "action", rule.action));
    TRY(read(property, "errnoRet", rule.errno_return));
    TRY(read_errno_name(property, "errno", rule.errno_return));
    TRY(read(property, "args", rule.args));
    Filter includes;
    Filter excludes;
    TRY(read(property, "includes", includes));
    TRY(read(property, "excludes", excludes));
    if (TRY(is_included(property, includes)) && !TRY(is_excluded(property, excludes)))
      config.rules.push_back(std::move(rule));
    return {};
  }

  bool has_capability(const std::string& name) const {
    return std::ranges::find(m_facts.capabilities, name) != m_facts.capabilities.end();
  }
  bool names_this_machine(const std::vector<std::string>& architectures) const {
    return std::ranges::find(architectures, m_facts.architecture) != architectures.end();
  }
  Result<bool> is_new_enough(const JsonProperty& property, const std::string& version) const {
    const std::vector<std::string> parts = split(version, '.');
    const auto major = parse_unsigned(parts.front(), 1000);
    const auto minor = parse_unsigned(parts.size() == 2 ? parts[1] : "", 1000);
    if (!major || !minor) return property.refuse("has the minKernel '" + printable(version, 60) + "'");
    return std::pair<std::uint64_t, std::uint64_t>(m_facts.kernel, m_facts.kernel_minor) >=
           std::pair(*major, *minor);
  }
  Result<bool> is_included(const JsonProperty& property, const Filter& filter) const {
    if (!filter.least_kernel.empty() && !TRY(is_new_enough(property, filter.least_kernel))) return false;
    return (filter.architectures.empty() || names_this_machine(filter.architectures)) &&
           std::ranges::all_of(filter.capabilities,
                               [&](const std::string& name) { return has_capability(name); });
  }
  Result<bool> is_excluded(const JsonProperty& property, const Filter& filter) const {
    if (!filter.least_kernel.empty() && TRY(is_new_enough(property, filter.least_kernel))) return true;
    return names_this_machine(filter.architectures) ||
           std::ranges::any_of(filter.capabilities,
                               [&](const std::string& name) { return has_capability(name); });
  }

  const SeccompFacts& m_facts;
};

}  // namespace

Result<SeccompConfig> parse_seccomp_profile(std::string_view text, std::string_view what,
                                            const SeccompFacts& facts) {
  const Json json = TRY(parse_json(text, what));
  return TRY_WHILE(Profile(facts).read_from(JsonProperty(json, "")), "reading {}", what);
}

}  // namespace ecrin::oci

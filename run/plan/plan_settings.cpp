// Settings of the kernel that belong to the container's namespaces.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "run/plan/plan_parts.hpp"

namespace ecrin::run {
namespace {

struct Owner {
  std::string_view prefix;  // of the path below /proc/sys
  bool SharedNamespaces::*shared;
  std::string_view name;
};
// namespaces(7): what is in none of them is the host's.
constexpr std::array<Owner, 14> k_owners = {{
    {"net/", &SharedNamespaces::network, "network"},
    {"fs/mqueue/", &SharedNamespaces::ipc, "ipc"},
    {"kernel/msgmax", &SharedNamespaces::ipc, "ipc"},
    {"kernel/msgmnb", &SharedNamespaces::ipc, "ipc"},
    {"kernel/msgmni", &SharedNamespaces::ipc, "ipc"},
    {"kernel/msg_next_id", &SharedNamespaces::ipc, "ipc"},
    {"kernel/sem", &SharedNamespaces::ipc, "ipc"},
    {"kernel/shmall", &SharedNamespaces::ipc, "ipc"},
    {"kernel/shmmax", &SharedNamespaces::ipc, "ipc"},
    {"kernel/shmmni", &SharedNamespaces::ipc, "ipc"},
    {"kernel/shm_", &SharedNamespaces::ipc, "ipc"},
    {"kernel/hostname", &SharedNamespaces::uts, "uts"},
    {"kernel/domainname", &SharedNamespaces::uts, "uts"},
    {"user/", &SharedNamespaces::user, "user"},
}};

const Owner* owner_of(const std::string& path) {
  const auto found =
      std::ranges::find_if(k_owners, [&](const Owner& owner) { return path.starts_with(owner.prefix); });
  return found == k_owners.end() ? nullptr : &*found;
}

// The names have properties of their own. Other runtimes take no host name from here at all.
Result<> check_name(const oci::RuntimeConfig& config, const std::string& path, const std::string& value) {
  if (path == "kernel/hostname")
    return std::unexpected(
        Error(ErrorKind::invalid, "the sysctl 'kernel.hostname' conflicts with the property 'hostname'")
            .hint("name the host in 'hostname' of config.json"));
  if (path == "kernel/domainname" && !config.domainname.empty() && config.domainname != value)
    return fail(ErrorKind::invalid, "the sysctl 'kernel.domainname' contradicts the domain name '{}'",
                printable(config.domainname));
  return {};
}

}  // namespace

Result<> plan_sysctls(PlanParts& parts) {
  for (const auto& [key, value] : parts.config.sysctl) {
    // "net.ipv4.ip_forward"; a key that has slashes keeps its dots (interface names have them).
    std::string path = key;
    if (path.find('/') == std::string::npos) std::ranges::replace(path, '.', '/');
    if (path.empty() || path.front() == '/' || path.find("..") != std::string::npos ||
        path.find('\0') != std::string::npos)
      return fail(ErrorKind::invalid, "bad sysctl '{}'", printable(key));
    const Owner* owner = owner_of(path);
    if (!owner)
      return fail(ErrorKind::unsupported, "the sysctl '{}' is the host's: it belongs to no namespace",
                  printable(key));
    if (parts.shared.*owner->shared)
      return fail(ErrorKind::invalid,
                  "the sysctl '{}' would be the host's: the container has its {} namespace", printable(key),
                  owner->name);
    TRY(check_name(parts.config, path, value));
    parts.add({.kind = SetupKind::sysctl, .target = path, .source = value});
  }
  return {};
}

Result<> plan_names(PlanParts& parts) {
  for (const auto& [kind, name] : {std::pair(SetupKind::hostname, &parts.config.hostname),
                                   std::pair(SetupKind::domainname, &parts.config.domainname)}) {
    if (name->empty()) continue;
    const std::string_view what = kind == SetupKind::hostname ? "host name" : "domain name";
    if (parts.shared.uts)
      return fail(ErrorKind::invalid, "the {} '{}' would be the host's: the container shares it", what,
                  printable(*name));
    if (name->size() > 64)
      return fail(ErrorKind::invalid, "the {} '{}' is longer than 64 bytes", what, printable(*name));
    parts.add({.kind = kind, .source = *name});
  }
  return {};
}

}  // namespace ecrin::run

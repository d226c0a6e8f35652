#include "run/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

// The position is the number in linux/capability.h.
constexpr std::array<std::string_view, 41> k_names = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
static_assert(k_names[CAP_SYS_ADMIN] == "CAP_SYS_ADMIN");
static_assert(k_names[CAP_CHECKPOINT_RESTORE] == "CAP_CHECKPOINT_RESTORE");

// ASCII only, and without <cctype>: a capability's name must not depend on the locale.
std::string full_name(std::string_view name) {
  std::string upper;
  for (const char c : name) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return upper.starts_with("CAP_") ? upper : "CAP_" + upper;
}

}  // namespace

std::string_view capability_name(unsigned number) {
  return number < k_names.size() ? k_names[number] : std::string_view();
}

Result<CapabilitySet> parse_capabilities(std::span<const std::string> names) {
  CapabilitySet set = 0;
  for (const std::string& given : names) {
    const std::string name = full_name(given);
    if (name == "CAP_ALL") {
      set |= capability_bit(k_names.size()) - 1;
      continue;
    }
    unsigned number = 0;
    while (number < k_names.size() && k_names[number] != name) ++number;
    if (number < k_names.size()) {
      set |= capability_bit(number);
      continue;
    }
    const std::string similar = nearest(name, k_names);
    return fail(ErrorKind::invalid, "unknown capability '{}'{}", printable(given),
                similar.empty() ? "" : fmt::format(" (did you mean '{}'?)", similar));
  }
  return set;
}

std::vector<std::string> capability_names(CapabilitySet set) {
  std::vector<std::string> names;
  for (unsigned number = 0; number < k_names.size(); ++number)
    if (set & capability_bit(number)) names.emplace_back(k_names[number]);
  return names;
}

CapabilitySet kernel_capabilities() {
  CapabilitySet set = 0;
  for (unsigned number = 0; number < 64 && ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number)
    set |= capability_bit(number);
  return set;
}

Result<ThreadCapabilities> get_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return fail_errno("cannot read the capabilities");
  const auto join_halves = [&](auto member) {
    return CapabilitySet{data[1].*member} << 32 | CapabilitySet{data[0].*member};
  };
  return ThreadCapabilities{.effective = join_halves(&__user_cap_data_struct::effective),
                            .permitted = join_halves(&__user_cap_data_struct::permitted),
                            .inheritable = join_halves(&__user_cap_data_struct::inheritable)};
}

Result<> set_capabilities(const ThreadCapabilities& sets) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const auto half = [&](unsigned shift) {
    return __user_cap_data_struct{.effective = static_cast<__u32>(sets.effective >> shift),
                                  .permitted = static_cast<__u32>(sets.permitted >> shift),
                                  .inheritable = static_cast<__u32>(sets.inheritable >> shift)};
  };
  const std::array<__user_cap_data_struct, 2> data = {half(0), half(32)};
  if (::syscall(SYS_capset, &header, data.data()) != 0) return fail_errno("cannot set the capabilities");
  return {};
}

Result<> limit_bounding_set(CapabilitySet keep) {
  // Up to the first number that the kernel does not know, which may be newer than the table above.
  for (unsigned number = 0; number < 64; ++number) {
    const int present = ::prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (present < 0) break;
    if (present == 0 || (keep & capability_bit(number))) continue;
    if (::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0)
      return fail_errno("cannot drop capability {} from the bounding set", number);
  }
  return {};
}

Result<> clear_ambient_set() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
    return fail_errno("cannot clear the ambient capabilities");
  return {};
}

Result<> raise_ambient_set(CapabilitySet set) {
  for (unsigned number = 0; number < 64; ++number) {
    if (!(set & capability_bit(number))) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) != 0)
      return fail_errno("cannot make the capability {} ambient", capability_name(number));
  }
  return {};
}

}  // namespace ecrin::run

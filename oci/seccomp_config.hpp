// SeccompConfig: a filter of system calls in the runtime-spec's words (config-linux.md, "seccomp"): what
// docker's and podman's profiles become.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ecrin::oci {

struct SeccompArgument {
  unsigned index = 0;  // 0 to 5
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;  // SCMP_CMP_MASKED_EQ: `value` is the mask, this the wanted value
  std::string operation;        // "SCMP_CMP_EQ", ...
  bool operator==(const SeccompArgument&) const = default;
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;  // "SCMP_ACT_ALLOW", ...
  std::optional<unsigned> errno_return;
  std::vector<SeccompArgument> args;
  bool operator==(const SeccompRule&) const = default;
};

struct SeccompConfig {
  std::string default_action;
  std::optional<unsigned> default_errno_return;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64", ...; the native one always belongs
  std::vector<std::string> flags;          // "SECCOMP_FILTER_FLAG_LOG", ...
  std::string listener_path;               // absolute path of a socket, for SCMP_ACT_NOTIFY
  std::string listener_metadata;
  std::vector<SeccompRule> rules;  // "syscalls"
  bool operator==(const SeccompConfig&) const = default;
};

}  // namespace ecrin::oci

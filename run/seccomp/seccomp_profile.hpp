// The default profile as data. Its sets are those that docker's and podman's users know: what programs need
// is allowed, what manages the machine needs the capability that belongs to it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "run/capabilities.hpp"

namespace ecrin::run::seccomp_profile {

/// Names of system calls, separated by white space. One that an architecture does not have is skipped there.
using Names = std::string_view;

/// Allowed for everybody.
Names always();
/// Refused with EPERM: known, and nothing that a container should do. What is in no list at all is refused
/// with ENOSYS, so that programs take the way they have for older kernels.
Names never();

/// Allowed with any of these capabilities, else refused with EPERM.
struct Group {
  CapabilitySet capabilities;
  Names names;
};
std::span<const Group> groups();
/// All capabilities that make a difference here.
CapabilitySet relevant_capabilities();

/// Allowed when `(argument & mask) == value`.
struct Condition {
  std::string_view name;
  unsigned argument;
  std::uint64_t mask;
  std::uint64_t value;
};
std::span<const Condition> conditions();

/// CLONE_NEW* of clone(2), all refused without CAP_SYS_ADMIN. clone3(2) has its flags in memory, where a
/// filter cannot look: ENOSYS makes the C library fall back to clone.
constexpr std::uint64_t k_namespace_flags = 0x7e020000;
/// socket(2) for any family but this: AF_VSOCK reaches the hypervisor past every network namespace.
constexpr std::uint64_t k_refused_socket_family = 40;

}  // namespace ecrin::run::seccomp_profile

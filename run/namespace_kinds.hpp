// Kinds of namespaces: the kernel's flags and their names.
#pragma once

#include <sched.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "oci/runtime_config.hpp"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

namespace ecrin::run {

/// In the order in which they are joined: the user namespace first, which gives the right to join the others;
/// the mount namespace last, as its /proc may be another one.
inline constexpr std::array<std::pair<oci::Namespace, std::uint64_t>, 8> k_namespace_flags = {
    {{oci::Namespace::user, CLONE_NEWUSER},
     {oci::Namespace::ipc, CLONE_NEWIPC},
     {oci::Namespace::uts, CLONE_NEWUTS},
     {oci::Namespace::network, CLONE_NEWNET},
     {oci::Namespace::cgroup, CLONE_NEWCGROUP},
     {oci::Namespace::pid, CLONE_NEWPID},
     {oci::Namespace::time, CLONE_NEWTIME},
     {oci::Namespace::mount, CLONE_NEWNS}}};
constexpr std::string_view namespace_name(oci::Namespace kind) {
  switch (kind) {
    case oci::Namespace::pid:
      return "pid";
    case oci::Namespace::network:
      return "network";
    case oci::Namespace::mount:
      return "mount";
    case oci::Namespace::ipc:
      return "ipc";
    case oci::Namespace::uts:
      return "uts";
    case oci::Namespace::cgroup:
      return "cgroup";
    case oci::Namespace::user:
      return "user";
    case oci::Namespace::time:
      return "time";
  }
  return "";
}

/// Its name below /proc/PID/ns.
constexpr std::string_view namespace_file_name(oci::Namespace kind) {
  switch (kind) {
    case oci::Namespace::network:
      return "net";
    case oci::Namespace::mount:
      return "mnt";
    default:
      return namespace_name(kind);
  }
}

}  // namespace ecrin::run

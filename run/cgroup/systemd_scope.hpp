// Scopes of systemd's: cgroups that a service manager (the user's, or the system's) hands over to us, with
// the controllers that the administrator gave. A scope is gone when its last process is.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace ecrin::run {

/// A property of a unit (systemd.resource-control(5)): a number, or bytes ("AllowedCPUs").
struct UnitProperty {
  std::string name;
  std::variant<std::uint64_t, std::vector<std::uint8_t>> value;
  bool operator==(const UnitProperty&) const = default;
};

struct ScopeRequest {
  std::string unit;  // "ecrin-ID.scope"
  std::string slice;
  std::string description;
  pid_t process = 0;  // the first one in it; 0: this one
  std::vector<UnitProperty> properties;
};
struct StartedScope {
  std::string bus;            // address of the manager
  std::string control_group;  // "/user.slice/.../ecrin-ID.scope", from where cgroups begin
};

/// By calls over D-Bus to the manager behind the first of these addresses ("unix:path=...") that answers.
/// ErrorKind::not_found: none does, or libsystemd is not installed. ErrorKind::conflict: there is such a
/// unit. libsystemd is loaded when this is called and not before: what needs no limit pays nothing for it.
Result<StartedScope> start_systemd_scope(const std::vector<std::string>& addresses,
                                         const ScopeRequest& request);
/// Moves this process into a new scope of its own.
Result<> enter_systemd_scope(const std::vector<std::string>& addresses);

/// Sets properties of a unit till it ends.
Result<> set_unit_properties(const std::string& address, const std::string& unit,
                             const std::vector<UnitProperty>& properties);
/// Ends a unit and lets the manager forget it, also one that failed. Nothing when there is none.
Result<> stop_unit(const std::string& address, const std::string& unit);

}  // namespace ecrin::run

// Which devices the processes of a cgroup may use: rules in version 1, a small program for the kernel (BPF)
// in version 2. Only one who is privileged on the host can set either. Others need none: without privileges
// nobody makes device nodes, so a container has those that were bound into it, with the permissions of their
// files.
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "oci/resources.hpp"

namespace ecrin::run {

/// Is this process privileged in the first user namespace, so that the kernel takes rules from it?
bool may_limit_devices();

/// As they are applied: from nothing allowed, in their order, with the devices that every container has at
/// the end. Only a rule for all devices has the type 'a'. ErrorKind::invalid: numbers or letters that are
/// none.
Result<std::vector<oci::DeviceRule>> complete_device_rules(const std::vector<oci::DeviceRule>& rules);
/// "c 1:3 rwm", "a", as version 1 takes it.
std::string device_rule_text(const oci::DeviceRule& rule);
/// The program that says yes (1) or no (0) for complete rules. Each kind of access that is asked for has the
/// answer of the last rule that names it.
std::vector<bpf_insn> device_program(const std::vector<oci::DeviceRule>& rules);

/// For complete rules. Programs that the cgroup had go.
Result<> limit_devices_version1(const std::string& directory, const std::vector<oci::DeviceRule>& rules);
Result<> limit_devices(const std::string& directory, const std::vector<oci::DeviceRule>& rules);

}  // namespace ecrin::run

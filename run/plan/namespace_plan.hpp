// Namespaces of a container: which are new, which are joined by path. Also the files that stand for them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "oci/runtime_config.hpp"
#include "run/namespace_kinds.hpp"

namespace ecrin::run {

/// What fits together: a kind once, maps with a new user namespace only, offsets with a new time namespace.
Result<> check_namespaces(const oci::RuntimeConfig& config);
/// For /proc/self/timens_offsets.
std::string format_time_offsets(const std::map<std::string, oci::TimeOffset>& offsets);

struct OpenNamespace {
  std::uint64_t flag = 0;  // CLONE_NEW*
  Fd file;
};
/// Those that are joined by path, in the order of k_namespace_flags. One that is no namespace of its kind is
/// an error; a user namespace that is ours already is left out.
Result<std::vector<OpenNamespace>> open_joined_namespaces(const oci::RuntimeConfig& config);
/// Those that are not this process's own, in that order.
Result<std::vector<OpenNamespace>> without_own(std::vector<OpenNamespace> opened);
/// All that this process has otherwise, in that order.
Result<std::vector<OpenNamespace>> open_namespaces_of(pid_t pid);

}  // namespace ecrin::run

// Facts about this host, found by probing: what `ecrin info` shows and `ecrin doctor` explains.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace ecrin::run {

struct Finding {
  enum class Level {
    ok,
    note,     // worth knowing; all that ecrin does can be done
    lack,     // something that users may ask for cannot be had
    problem,  // nothing can be built or run
  };
  Level level = Level::ok;
  std::string name;     // "user namespaces", "subuid ranges", "private network", ...
  std::string fact;     // what was found
  std::string meaning;  // what follows for the user; "" when ok
  std::string fix;      // exact command or file line; ""
};
/// Probes in child processes: user namespaces, subuid/subgid and newuidmap, /dev/fuse, /dev/net/tun, pasta
/// and slirp4netns, netavark, seccomp, mmdebstrap, cgroup layout, AppArmor's user namespace restriction.
/// Drivers are probed by fs::probe_drivers (cli joins them).
std::vector<Finding> probe_host(const std::string& search_path);

}  // namespace ecrin::run

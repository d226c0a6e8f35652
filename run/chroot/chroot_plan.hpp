// A container where no namespace can be made, as for root of a container without CAP_SYS_ADMIN: its program
// has a root directory of its own by chroot(2), and nothing else. Nothing can be mounted there either: what
// would be is put into the tree for as long as the program runs (placed_files.hpp), and calls that name files
// of the kernel are answered by this process (host_calls.hpp). Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "oci/runtime_config.hpp"
#include "run/network/network.hpp"
#include "run/plan/process_plan.hpp"
#include "run/plan/setup_op.hpp"

namespace ecrin::run {

/// Something in the tree that is there only while the program runs.
struct Placement {
  enum class Kind {
    mount_point,  // a directory, and what is in it stays as it is
    directory,    // an empty one
    file,         // with `source` as its content
    copy,         // of `source`, a file or directory of ours
    symlink,      // to `source`
    device,       // `node`; an empty file where this process may not make it
  };
  Kind kind = Kind::mount_point;
  std::string target;  // path in the root directory, without a leading slash
  std::string source;
  mode_t mode = 0755;
  bool is_kept = false;  // copy: what the program made of it takes the place of `source`
  DeviceNode node;
  bool operator==(const Placement&) const = default;
};

struct ChrootRequest {
  std::string rootfs;
  NetworkMode network = NetworkMode::none;
  bool init = true;
  std::vector<std::pair<std::string, std::string>> managed_files;  // path in the container, content
  /// Sources of bind mounts may be copied, as nobody waits for what is written to them; those that are listed
  /// take over what was written in the end.
  bool copies_binds = false;
  std::set<std::string> kept_sources;
  std::string seccomp;
  CapabilitySet present = 0;  // capabilities of this process
  std::string fix;            // for the reason why no namespaces can be made
};

struct ChrootPlan {
  std::vector<Placement> placements;
  SetupPlan setup;
};

/// ErrorKind::unsupported for what takes a namespace or a mount and cannot be left out.
Result<ChrootPlan> make_chroot_plan(const oci::RuntimeConfig& config, const PlanFacts& facts,
                                    const ChrootRequest& request);

}  // namespace ecrin::run

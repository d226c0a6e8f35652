// The choice of identity maps (pure), and the helper that writes them from outside.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "run/user_namespace.hpp"

namespace ecrin::run {

struct MapChoice {
  fs::IdMap uids;
  fs::IdMap gids;
  std::string problem;  // why there is no map with ranges; "" = there is one
  std::string fix;
};
/// The same without asking for the programs that write such maps.
MapChoice choose_ranges(const IdentityRequest& request, uid_t uid, gid_t gid);
/// 0 is the user, 1.. are its ranges of /etc/subuid and /etc/subgid.
MapChoice choose_maps(const IdentityRequest& request, uid_t uid, gid_t gid);
/// Every id that `current` has, onto itself: for root.
fs::IdMap same_ids(const fs::IdMap& current);
/// The arguments of newuidmap for this process.
std::vector<std::string> map_arguments(const std::string& program, pid_t pid, const fs::IdMap& map);

/// Writes the maps of a process that is in a new user namespace below ours: directly where this process may,
/// else by newuidmap and newgidmap.
Result<> write_id_maps(pid_t pid, const fs::IdMap& uids, const fs::IdMap& gids,
                       const std::string& search_path);
/// May this process map whatever ids it has?
bool may_write_maps();

/// A process that was forked before the user namespace was entered, and so can write its maps.
class MapHelper {
public:
  enum class Means {
    programs,  // newuidmap and newgidmap, which are setuid root
    itself,    // as root
  };
  /// Waits until it is told to write. Call while single-threaded.
  static Result<MapHelper> start(Means means, const MapChoice& maps, const IdentityRequest& request);
  MapHelper(MapHelper&&) noexcept = default;
  ~MapHelper();

  /// Writes the maps of the process that started it. An error says what failed. `meanwhile` is done here
  /// until they are written.
  Result<> write_maps(const std::function<void()>& meanwhile = {});

private:
  MapHelper(pid_t pid, Fd socket) : m_pid(pid), m_socket(std::move(socket)) {}
  struct Pid {
    pid_t value = -1;
    explicit Pid(pid_t pid) : value(pid) {}
    Pid(Pid&& other) noexcept : value(std::exchange(other.value, -1)) {}
  };
  Pid m_pid;
  Fd m_socket;
};

}  // namespace ecrin::run

// Becoming root of our own user namespace (user_namespaces(7), newuidmap(1)), before any thread is started.
// The process itself enters; a helper forked before writes the maps from outside, so pid, terminal and
// signals stay.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "fs/id_map.hpp"

namespace ecrin::run {

enum class IdentityMode {
  mapped,    // a user namespace with ranges of ids
  single,    // with one id
  identity,  // no user namespace, only a mount namespace
  chroot,    // no namespace: containers have a root directory of their own and nothing else
  none,      // not entered
};
std::string_view to_string(IdentityMode mode);

struct Identity {
  IdentityMode mode = IdentityMode::none;
  fs::IdMap uids;
  fs::IdMap gids;
  uid_t outer_uid = 0;  // who we were
  gid_t outer_gid = 0;
  std::string note;  // why a better mode was not taken; "" = the best
  std::string fix;   // of that
};

struct IdentityRequest {
  std::string user_name;       // of the passwd entry; "" = none
  std::string subuid, subgid;  // texts of /etc/subuid and /etc/subgid ("" = none)
  std::string search_path;     // where newuidmap and newgidmap are looked for
  std::optional<IdentityMode> forced;
};
/// Reads the facts of this host for the request. Files that are not there or not ours to read say nothing;
/// one that cannot be read for another reason is an error: with fewer ids a store would get layers of another
/// kind.
Result<IdentityRequest> identity_request();

/// Enters a user namespace and a private mount namespace, in the best mode that works: mapped, else single;
/// as root: a namespace with the same ids as outside, else (identity) only a mount namespace, else (chroot)
/// nothing. After this the process is uid 0, gid 0. Must be called while single-threaded. Where two programs
/// write the maps, `meanwhile` is done until they have: by a process that has no ids yet inside, and still
/// those of outside for all files. Elsewhere it is not called.
Result<Identity> enter_user_namespace(const IdentityRequest& request,
                                      const std::function<void()>& meanwhile = {});

/// Enters one that is there (it belongs to a process of this user) and a private mount namespace, as
/// enter_user_namespace does a new one: for what belongs to it, a network namespace say. Nothing is entered
/// when it is the one that we are in.
Result<Identity> join_user_namespace(const Fd& user_namespace);

}  // namespace ecrin::run

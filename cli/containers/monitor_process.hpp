// The process of a container's monitor, made by a fork of this program while it has one thread: the child
// does everything from looking for the image to the container's end, the parent hears of the start over a
// socket and, in the foreground, stays attached.
#pragma once

#include <functional>
#include <memory>

#include "base/child.hpp"
#include "cli/container_request.hpp"
#include "cli/containers/attachment.hpp"
#include "cli/containers/launch.hpp"
#include "cli/session.hpp"
#include "run/monitor/container_place.hpp"
#include "run/monitor/container_record.hpp"

namespace ecrin::cli {

enum class Presence {
  detached,    // the parent leaves when the program runs
  attached,    // it stays, and may leave
  foreground,  // it stays, and the container ends with it
};

/// How the user is there for a container that is started.
struct Companion {
  Presence presence = Presence::detached;
  bool terminal = false;  // the container has one
  bool input = false;     // what the user types goes to the program
  bool signals = true;
  std::string detach_keys;  // as bytes
};

/// What the child does: `client` goes to its monitor. Its session is its own.
using MonitorWork = std::function<Outcome(Session& session, const Companion& companion, Fd client)>;

/// What the parent learned.
struct StartedContainer {
  std::string id;
  std::optional<AttachEnd> end;  // none: detached
};
using StartOutcome = std::expected<StartedContainer, Failure>;
/// Forks; the store that `session` had open is closed before (Session::close_store).
StartOutcome start_monitor(Session& session, const Companion& companion, const MonitorWork& work);

/// One that ends with its user needs no cgroup to be looked after.
StartSurroundings::Cgroups wanted_cgroups(const Companion& companion);

/// In the child: the container's whole life, with its lock held by the caller.
struct MonitoredContainer {
  const run::StoredContainer& record;
  const ContainerRequest& request;
  const oci::ImageConfig& image;
  const run::ContainerPlace& place;
  StartSurroundings& surroundings;
};
Outcome monitor_container(Session& session, const Companion& companion, Fd client,
                          const MonitoredContainer& container);

}  // namespace ecrin::cli

#include "cli/containers/start.hpp"

#include "cli/containers/selection.hpp"
#include "cli/containers/stored_request.hpp"

namespace ecrin::cli {
namespace {

constexpr std::chrono::seconds k_patience{15};  // for a monitor that is about to end

Outcome lock_and_run(Session& session, const std::string& id, const Companion& companion, Fd client) {
  std::optional<StoredRequest> stored;
  run::StoredContainer record;
  {
    Containers containers = TRY(Containers::open(session));
    record = TRY(containers.find(id));
    stored = TRY(decode_request(record.request));
  }
  StartSurroundings surroundings =
      TRY(StartSurroundings::open(session, stored->request, wanted_cgroups(companion)));
  Containers containers = TRY(Containers::open(TRY(session.workshop())->store()));
  const run::ContainerPlace place = TRY(containers.place(record));
  const auto lock = TRY(place.lock(k_patience));
  if (!lock)
    return std::unexpected(Error(ErrorKind::conflict, fmt::format("container '{}' is in use", record.name)));
  // Whoever had the lock may have removed or started it.
  record = TRY(containers.find(id));
  return monitor_container(session, companion, std::move(client),
                           {.record = record,
                            .request = stored->request,
                            .image = stored->image,
                            .place = place,
                            .surroundings = surroundings});
}

}  // namespace

StartOutcome start_container(Session& session, const run::StoredContainer& record,
                             const Companion& companion) {
  return start_monitor(session, companion, [&](Session& own, const Companion& how, Fd client) -> Outcome {
    return lock_and_run(own, record.id, how, std::move(client));
  });
}

}  // namespace ecrin::cli

#include "cli/containers/removal.hpp"

#include "cli/containers/create.hpp"
#include "cli/containers/stop.hpp"

namespace ecrin::cli {
namespace {

constexpr std::chrono::seconds k_patience{30};  // for a monitor that has been told to end

}  // namespace

Result<> remove_container(Containers& containers, const run::StoredContainer& record, EndRunning end,
                          std::chrono::seconds timeout) {
  if (is_active(record.state)) {
    if (end == EndRunning::no)
      return std::unexpected(Error(ErrorKind::conflict, fmt::format("container '{}' is running", record.name))
                                 .hint(fmt::format("stop it first: ecrin stop {}; or give -f", record.name)));
    // One that is paused hears no signal but the last one.
    const bool paused = record.state.status == run::LifeStatus::paused;
    TRY(stop_containers(containers, {record},
                        {.timeout = paused ? std::chrono::seconds(0) : timeout, .signal = {}})
            .front());
  }
  const auto lock = [&]() -> Result<std::optional<FileLock>> {
    return TRY(containers.place(record)).lock(k_patience);
  }();
  // One that is removed at its end may have gone: then there is nothing to lock.
  if (!lock && lock.error().kind() != ErrorKind::not_found) return std::unexpected(lock.error());
  if (lock && !*lock)
    return fail(ErrorKind::conflict, "container '{}' is in use by another process", record.name);
  return remove_container(containers.store(), record.id);
}

}  // namespace ecrin::cli

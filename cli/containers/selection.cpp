#include "cli/containers/selection.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

constexpr int k_killed = 128 + SIGKILL;

}  // namespace

bool is_active(const run::ContainerState& state) {
  return state.status != run::LifeStatus::created && state.status != run::LifeStatus::exited;
}

Result<Containers> Containers::open(Store& store) {
  TRY(run::ContainerTable::migrate(store.database()));
  return Containers(store);
}

Result<Containers> Containers::open(Session& session) {
  return open(TRY(session.images())->blobs().store());
}

// A monitor that was killed could not write that its container is gone.
Result<> Containers::settle(run::StoredContainer& record) {
  if (!is_active(record.state)) return {};
  // None is started while this is held.
  std::optional<FileLock> idle;
  if (const auto there = place(record)) {
    auto lock = there->keep_idle();
    if (!lock && lock.error().kind() != ErrorKind::not_found) return std::unexpected(lock.error());
    if (lock && !*lock) return {};
    if (lock) idle = *std::move(lock);
  }
  // It may have written its end between our look at the table and the one at the lock.
  const auto now = TRY(m_table.get(record.id));
  if (now) record.state = now->state;
  if (!now || !is_active(record.state)) {
    if (!now) record.state.status = run::LifeStatus::exited;
    return {};
  }
  record.state.status = run::LifeStatus::exited;
  record.state.exit_code = k_killed;
  record.state.finished = run::nanoseconds_now();
  record.state.pid = 0;
  record.state.monitor = 0;
  record.state.error = "the container's monitor was killed";
  return m_table.set_state(record.id, record.state);
}

Result<run::StoredContainer> Containers::find(const std::string& words) {
  run::StoredContainer record = TRY(m_table.find(words));
  TRY(settle(record));
  return record;
}

Result<std::vector<run::StoredContainer>> Containers::list() {
  std::vector<run::StoredContainer> records = TRY(m_table.list());
  for (run::StoredContainer& record : records) TRY(settle(record));
  return records;
}

Result<run::StoredContainer> Containers::latest() {
  auto all = TRY(list());
  if (all.empty()) return fail(ErrorKind::not_found, "there are no containers");
  return std::move(all.back());
}

Result<run::ContainerPlace> Containers::place(const run::StoredContainer& record) {
  return run::ContainerPlace::open(*m_store, record.id);
}

Result<Fd> Containers::connect(const run::StoredContainer& record) {
  const auto not_running = [&] {
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("container '{}' is not running", record.name))
            .hint(fmt::format("start it: ecrin start {}", record.name)));
  };
  if (!is_active(record.state)) return not_running();
  auto socket = run::connect_to_control(TRY(place(record)).directory());
  if (!socket && socket.error().kind() == ErrorKind::not_found) return not_running();
  return socket;
}

std::vector<Flag> selection_flags() {
  return {
      {.name = "all", .letter = 'a', .value = "", .help = "all containers"},
      {.name = "cidfile",
       .value = "FILE",
       .help = "the container whose ID is in this file",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "ignore", .letter = 'i', .value = "", .help = "leave out what does not exist"},
      {.name = "latest", .letter = 'l', .value = "", .help = "the container that was made last"},
  };
}

Result<std::vector<std::string>> named_containers(const Arguments& arguments) {
  std::vector<std::string> words = arguments.operands();
  for (const std::string& file : arguments.values("cidfile"))
    words.emplace_back(trim(TRY(posix::read_file(file, 4096))));
  const int ways = int(arguments.on("all")) + int(arguments.on("latest")) + int(!words.empty());
  if (ways == 0) return fail(ErrorKind::invalid, "name a container, or give --all or --latest");
  if (ways > 1) return fail(ErrorKind::invalid, "names, --all and --latest do not go together");
  return words;
}

Result<std::vector<run::StoredContainer>> selected_containers(Containers& containers,
                                                              const Arguments& arguments,
                                                              FirstError& errors) {
  const std::vector<std::string> words = TRY(named_containers(arguments));
  if (arguments.on("all")) return containers.list();
  std::vector<run::StoredContainer> records;
  if (arguments.on("latest")) {
    records.push_back(TRY(containers.latest()));
    return records;
  }
  for (const std::string& word : words) {
    auto record = containers.find(word);
    if (!record && record.error().kind() == ErrorKind::not_found && arguments.on("ignore")) continue;
    if (!record) {
      errors.done(std::unexpected(std::move(record).error()));
      continue;
    }
    if (std::ranges::find(records, record->id, &run::StoredContainer::id) == records.end())
      records.push_back(*std::move(record));
  }
  return records;
}

Result<run::StoredContainer> latest_or_first(Containers& containers, const Arguments& arguments,
                                             std::span<const std::string>& words) {
  if (arguments.on("latest")) return containers.latest();
  if (words.empty()) return fail(ErrorKind::invalid, "name a container, or give --latest");
  const std::string& first = words.front();
  words = words.subspan(1);
  return containers.find(first);
}

}  // namespace ecrin::cli

#include "run/monitor/container_place.hpp"

#include <thread>

#include "base/posix.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "fs/tree.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_folder = "containers";
constexpr const char* k_lock = "lock";
constexpr std::chrono::milliseconds k_look_again{10};

}  // namespace

std::string make_container_id() {
  return random_hexadecimal(64);
}

Result<ContainerPlace::Made> ContainerPlace::make(Store& store, const std::string& id) {
  const Fd temporary = TRY(store.temporary());
  TRY(posix::mkdir_at(temporary, id, 0700));
  auto made = [&]() -> Result<Made> {
    Fd directory = TRY(posix::open_at(temporary, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    auto lock = TRY(FileLock::acquire_named_now(directory, k_lock, 0600));
    if (!lock) return fail(ErrorKind::conflict, "the new container {} is locked by another process", id);
    TRY(posix::mkdir_at(directory, "upper", 0755));
    TRY(posix::mkdir_at(directory, "scratch", 0700));
    TRY(posix::rename_at(temporary, id, TRY(store.subdirectory(k_folder)), id, RENAME_NOREPLACE));
    ContainerPlace place(fmt::format("{}/{}/{}", store.path(), k_folder, id), std::move(directory));
    return Made{.place = std::move(place), .lock = std::move(*lock)};
  }();
  if (!made) (void)fs::remove_tree(temporary, id);
  return made;
}

Result<ContainerPlace> ContainerPlace::open(Store& store, const std::string& id) {
  const Fd folder = TRY(store.subdirectory(k_folder));
  Fd directory = TRY(posix::open_at(folder, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return ContainerPlace(fmt::format("{}/{}/{}", store.path(), k_folder, id), std::move(directory));
}

Result<bool> ContainerPlace::is_locked() const {
  const auto idle = keep_idle();
  if (idle) return !idle->has_value();
  if (idle.error().kind() == ErrorKind::not_found) return false;
  return std::unexpected(idle.error());
}

Result<std::optional<FileLock>> ContainerPlace::keep_idle() const {
  return FileLock::acquire_now(TRY(posix::open_at(m_directory, k_lock, O_RDWR | O_NOFOLLOW | O_NONBLOCK)),
                               FileLock::Mode::shared);
}

Result<std::optional<FileLock>> ContainerPlace::lock(std::chrono::milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (auto lock = TRY(FileLock::acquire_existing_now(m_directory, k_lock))) return lock;
    // It is made with the directory: without it that is being deleted.
    if (TRY(posix::exists_at(m_directory, k_lock)) == posix::Exists::no)
      return fail(ErrorKind::not_found, "the container has been removed");
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(k_look_again);
  }
}

Result<> remove_container_place(Store& store, const std::string& id) {
  const Fd temporary = TRY(store.temporary());
  const auto moved = posix::rename_at(TRY(store.subdirectory(k_folder)), id, temporary, id);
  if (!moved && moved.error().kind() == ErrorKind::not_found) return {};
  TRY(moved);
  return fs::remove_tree(temporary, id);
}

Result<std::vector<std::string>> unlocked_places(Store& store) {
  const Fd folder = TRY(store.subdirectory(k_folder));
  std::vector<std::string> unlocked;
  for (const auto& entry : TRY(posix::list_directory(folder))) {
    if (entry.type != DT_DIR) continue;
    const auto place = ContainerPlace::open(store, entry.name);
    if (place && !TRY(place->is_locked())) unlocked.push_back(entry.name);
  }
  return unlocked;
}

}  // namespace ecrin::run

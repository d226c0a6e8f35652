#include "build/working_mounts.hpp"

#include <sys/mount.h>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "build/layer_hasher.hpp"
#include "build/working_tree.hpp"
#include "fs/changeset.hpp"
#include "fs/lasting_tree.hpp"
#include "fs/lower_tree.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

namespace {

using Kind = WorkingMount::Kind;

constexpr const char* k_columns = "SELECT container, id, layer, kind, lease, name_space FROM working_mounts ";
constexpr const char* k_step_text = "mount: written by hand";

WorkingMount mount_of(Statement& row) {
  return {.container = row.text(0),
          .id = row.text(1),
          .layer = row.text(2),
          .kind = row.text(3) == "overlay" ? Kind::overlay : Kind::copy,
          .lease = row.text(4),
          .name_space = row.text(5)};
}

// The layers below what is written, and where that is.
Result<fs::LastingRequest> request_of(Workshop& workshop, const StartingTree& tree,
                                      const std::string& scratch, const fs::Layer& upper,
                                      const CancelToken& cancel) {
  std::vector<fs::Layer> layers;
  if (tree.base) layers = TRY(workshop.unpack(*tree.base, &cancel));
  layers.insert(layers.end(), tree.layers.begin(), tree.layers.end());
  return fs::LastingRequest{.layers = distinct_layer_paths(workshop, layers),
                            .scratch = scratch,
                            .upper = workshop.layers().path(upper)};
}

Result<fs::Layer> new_layer(Workshop& workshop) {
  fs::Layer layer = TRY(workshop.layers().publish(TRY(workshop.layers().draft())));
  TRY(workshop.layers().sync());  // from now on it outlives a reboot
  return layer;
}

// A layer that has its diff ID may be of others, too: whoever took what was written was killed before saying
// so. What is in the copy now goes into another one.
Result<fs::Layer> layer_to_fill(Workshop& workshop, WorkingMount& mount) {
  fs::Layer layer = *TRY(find_layer(workshop, mount.layer));
  if (layer.diff_id.empty()) return layer;
  layer = TRY(new_layer(workshop));
  mount.layer = layer.id;
  TRY(WorkingMounts(workshop.store()).put(mount));
  return layer;
}

}  // namespace

std::string_view to_string(Kind kind) {
  return kind == Kind::overlay ? "overlay" : "copy";
}

std::string WorkingMounts::directory(const WorkingMount& mount) const {
  return m_store->path() + "/mounts/" + mount.id;
}

Result<std::optional<WorkingMount>> WorkingMounts::find(const std::string& container) {
  auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare(std::string(k_columns) + "WHERE container = ?1"));
  select.bind(1, container);
  if (TRY(select.step()) == Statement::Step::done) return std::nullopt;
  return mount_of(select);
}

Result<std::vector<WorkingMount>> WorkingMounts::list() {
  auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare(std::string(k_columns) + "ORDER BY container"));
  std::vector<WorkingMount> mounts;
  while (TRY(select.step()) == Statement::Step::row) mounts.push_back(mount_of(select));
  return mounts;
}

Result<> WorkingMounts::put(const WorkingMount& mount) {
  auto lock = m_store->database().lock();
  auto insert = TRY(m_store->database().prepare(
      "INSERT OR REPLACE INTO working_mounts (container, id, layer, kind, lease, name_space) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  return insert.bind(1, mount.container)
      .bind(2, mount.id)
      .bind(3, mount.layer)
      .bind(4, to_string(mount.kind))
      .bind(5, mount.lease)
      .bind(6, mount.name_space)
      .run();
}

Result<> WorkingMounts::remove(const WorkingMount& mount, const std::function<Result<>()>& also) {
  const Fd mounts = TRY(m_store->subdirectory("mounts"));
  const Fd temporary = TRY(m_store->temporary());
  auto transaction = TRY(m_store->database().begin());
  if (also) TRY(also());
  auto remove = TRY(m_store->database().prepare("DELETE FROM working_mounts WHERE id = ?1"));
  TRY(remove.bind(1, mount.id).run());
  if (!mount.lease.empty()) TRY(m_store->end_lease(mount.lease));
  const bool has_files = TRY(posix::exists_at(mounts, mount.id)) == posix::Exists::yes;
  // Moved first: whatever stops the removal, a prune finds the rest.
  if (has_files) TRY(posix::rename_at(mounts, mount.id, temporary, mount.id));
  TRY(transaction.commit());
  return has_files ? fs::remove_tree(temporary, mount.id) : Result<>{};
}

Result<bool> WorkingMounts::is_live(const WorkingMount& mount) {
  if (mount.kind == Kind::copy) return true;
  return m_store->is_alive(mount.lease);
}

Result<WorkingMount> mount_container(Workshop& workshop, const WorkingContainer& container,
                                     const std::optional<MountSession>& session, const CancelToken& cancel) {
  Store& store = workshop.store();
  WorkingMounts mounts(store);
  const bool overlay = session && (*TRY(workshop.driver())).kind() == fs::DriverKind::overlay;
  const fs::Layer layer = TRY(new_layer(workshop));
  WorkingMount mount{.container = container.name,
                     .id = Store::unique_name(),
                     .layer = layer.id,
                     .kind = overlay ? Kind::overlay : Kind::copy,
                     .lease = overlay ? store.lease() : "",
                     .name_space = overlay ? session->name_space : ""};
  const auto make = [&]() -> Result<> {
    TRY(mounts.put(mount));  // first, so that nothing is left that nobody knows
    TRY(store.subdirectory("mounts/" + mount.id));
    const fs::LastingRequest request = TRY(request_of(workshop, TRY(starting_tree(workshop, container)),
                                                      mounts.directory(mount), layer, cancel));
    if (!overlay) return fs::copy_lasting_tree(request, &cancel);
    TRY(fs::mount_lasting_overlay(request));
    return store.tie_lease_to(session->lease);
  };
  if (auto made = make(); !made) {
    if (overlay) (void)::umount2(mounts.path(mount).c_str(), MNT_DETACH);
    mount.lease.clear();  // it is this process's own
    if (auto removed = mounts.remove(mount); !removed) log::warning("{}", removed.error().message());
    return std::unexpected(std::move(made).error());
  }
  return mount;
}

Result<> take_written(Workshop& workshop, WorkingContainer& container, WorkingMount mount,
                      const StepTimes& times, const CancelToken& cancel) {
  WorkingMounts mounts(workshop.store());
  const Fd directory = TRY(workshop.store().subdirectory("mounts"));
  // Without its files it was taken already, by a process that was killed before it could say so.
  const bool collects =
      mount.kind == Kind::copy && TRY(posix::exists_at(directory, mount.id)) == posix::Exists::yes;
  const fs::Layer layer =
      collects ? TRY(layer_to_fill(workshop, mount)) : *TRY(find_layer(workshop, mount.layer));
  const StartingTree tree = TRY(starting_tree(workshop, container));
  const fs::LastingRequest request = TRY(request_of(workshop, tree, mounts.directory(mount), layer, cancel));
  if (collects) TRY(fs::collect_lasting_copy(request, &cancel));
  if (mount.kind == Kind::overlay) TRY(fs::settle_lasting_overlay(request));
  const Fd upper = TRY(posix::open(request.upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  fs::LowerTree lower = TRY(fs::LowerTree::of_layers(request.layers));
  fs::CanonicalOptions options;
  options.epoch = times.epoch;
  const fs::ChangesetSummary written = TRY(fs::canonicalise(upper, lower, options, &cancel));
  if (!written.empty()) {
    const HashedLayer hashed = TRY(hash_layer(upper, {}, &cancel));
    TRY(posix::syncfs(upper));
    const fs::Layer sealed = TRY(workshop.layers().seal(layer.id, hashed.diff_id, hashed.size));
    const KeyInputs inputs = {{"kind", "mount"}, {"parent", container.tree_key}, {"layer", hashed.diff_id}};
    const std::string key = key_digest(inputs);
    const auto cache = TRY(BuildCache::open(workshop.store().database(), workshop.layers()));
    TRY(cache->add({.key = key,
                    .layer_id = sealed.id,
                    .below_id = tree.name(),
                    .text = k_step_text,
                    .bytes = written.bytes,
                    .entries = written.entries,
                    .seconds = 0,
                    .inputs = &inputs},
                   times.now));
    container.tree_key = key;
    container.steps.push_back({.text = k_step_text, .layer = sealed.id, .after = container.config});
  }
  return mounts.remove(mount, [&] { return WorkingContainers(workshop.store()).update(container); });
}

Result<> settle_mount(Workshop& workshop, WorkingContainer& container, const StepTimes& times,
                      const CancelToken& cancel) {
  WorkingMounts mounts(workshop.store());
  const auto mount = TRY(mounts.find(container.name));
  if (!mount) return {};
  if (!TRY(mounts.is_live(*mount))) return take_written(workshop, container, *mount, times, cancel);
  return refuse_mounted(workshop, container.name);
}

Result<> refuse_mounted(Workshop& workshop, const std::string& container) {
  WorkingMounts mounts(workshop.store());
  const auto mount = TRY(mounts.find(container));
  if (!mount) return {};
  return std::unexpected(
      Error(ErrorKind::conflict, fmt::format("working container '{}' is mounted at '{}'",
                                             printable(container), printable(mounts.path(*mount))))
          .hint(fmt::format("what was written there becomes a step by: ecrin umount {}", container)));
}

}  // namespace ecrin::build

#include "build/garbage.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/file_lock.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/store_sync.hpp"
#include "base/text.hpp"
#include "build/cache_policy.hpp"
#include "build/file_digests.hpp"
#include "build/image_mounts.hpp"
#include "build/image_needs.hpp"
#include "build/image_steps.hpp"
#include "build/kept_steps.hpp"
#include "build/layer_hasher.hpp"
#include "build/run_traces.hpp"
#include "build/working_containers.hpp"
#include "fs/file_owners.hpp"
#include "fs/tree.hpp"
#include "oci/image_manifest.hpp"
#include "oci/image_reach.hpp"
#include "run/monitor/container_place.hpp"
#include "run/monitor/container_table.hpp"

namespace ecrin::build {

namespace {

std::set<std::string> as_set(std::vector<std::string> list) {
  return {std::make_move_iterator(list.begin()), std::make_move_iterator(list.end())};
}

class Pruner {
public:
  Pruner(Workshop& workshop, const PruneOptions& options, CachePolicy policy, ImageMounts mounts)
      : m_workshop(workshop),
        m_options(options),
        m_policy(policy),
        m_mounts(mounts),
        m_database(workshop.store().database()) {}
  Result<PruneReport> run();

private:
  Result<> measure_layers();
  Result<> decide();
  bool is_asked_for(const oci::ImageRecord& record);
  Result<> remove_images();
  Result<> collect_needed();
  Result<> remove_cache_entries();
  Result<> remove_kept();
  Result<> retire_layers();
  Result<> remove_blobs();
  Result<> let_rows_go();
  Result<> delete_trees();
  Result<> remove_downloads();
  Result<> remove_locks();
  Result<> find_spare_layers();
  Result<std::string> made_again(const fs::Layer& layer);
  std::set<std::string> spare_blobs() const;

  Workshop& m_workshop;
  const PruneOptions& m_options;
  CachePolicy m_policy;
  std::map<std::string, std::uint64_t> m_sizes;  // of layer directories, when the policy asks
  ImageMounts m_mounts;
  Database& m_database;
  PruneReport m_report;
  ImageNeeds m_needed;                   // of the images that stay, or are in use
  std::vector<ImageNeeds> m_images;      // the same, one by one
  std::set<std::string> m_unpacked;      // diff IDs that have a directory
  std::set<std::string> m_reproducible;  // of these, the ones whose tar can be made again
  std::vector<fs::Layer> m_layers;
  std::unique_ptr<fs::LayerStore> m_recorded;  // layers of the time when this user had one id; may be none
  std::vector<fs::Layer> m_recorded_layers;
  std::set<std::string> m_needed_layers;  // directory ids
  std::vector<std::string> m_dead_leases;
};

// Before the transaction: it walks trees.
Result<> Pruner::measure_layers() {
  if (!m_policy.keep && !m_policy.free) return {};
  for (fs::LayerStore* layers : {&m_workshop.layers(), m_recorded.get()}) {
    if (!layers) continue;
    for (const fs::Layer& layer : TRY(layers->list())) {
      const auto directory = posix::open(layers->path(layer), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!directory) continue;  // another prune was faster
      m_sizes[layer.id] = TRY(fs::measure_tree(*directory)).bytes;
    }
  }
  return {};
}

// Does it fit the filters?
bool Pruner::is_asked_for(const oci::ImageRecord& record) {
  if (m_options.until && record.added >= *m_options.until) return false;
  return m_options.labels.empty() || has_labels(labels_of(m_workshop.blobs(), record), m_options.labels);
}

Result<> Pruner::remove_images() {
  if (!m_options.images && !m_options.all_images) return {};
  const std::vector<oci::ImageRecord> records = TRY(m_workshop.images().list_all());
  std::set<oci::Digest> roots = TRY(image_roots(m_workshop.store(), records));
  if (m_options.all_images) {
    const std::set<std::string> held = as_set(TRY(m_workshop.store().held("image")));
    std::erase_if(roots, [&](const oci::Digest& digest) { return !held.contains(digest.to_string()); });
  }
  const std::set<std::string> worked_on = as_set(TRY(WorkingContainers(m_workshop.store()).needs()).bases);
  const std::set<std::string> run_from = as_set(TRY(run::ContainerTable(m_database).needs()).manifests);
  const std::set<std::string> mounted = TRY(m_mounts.mounted_manifests());
  for (const oci::ImageRecord& record : records) {
    const std::string manifest = record.manifest.to_string();
    if (mounted.contains(manifest) || worked_on.contains(manifest) || run_from.contains(manifest) ||
        !is_asked_for(record))
      roots.insert(record.manifest);
  }
  const std::set<oci::Digest> kept = oci::reachable(records, roots);
  std::vector<std::string> remaining;
  for (const oci::ImageRecord& record : records)
    if (kept.contains(record.manifest)) remaining.push_back(record.id.digest.to_string());
  TRY(forget_states(m_database, remaining));
  for (const oci::ImageRecord& record : records) {
    if (kept.contains(record.manifest)) continue;
    for (const char* sql :
         {"DELETE FROM names WHERE manifest = ?1", "DELETE FROM images WHERE manifest = ?1"}) {
      auto remove = TRY(m_database.prepare(sql));
      remove.bind(1, record.manifest.to_string());
      TRY(remove.run());
    }
    m_report.images.push_back(record.id.digest.to_string());
  }
  return {};
}

Result<> Pruner::collect_needed() {
  const std::vector<oci::ImageRecord> records = TRY(m_workshop.images().list_all());
  std::vector<std::string> ids;
  for (const oci::ImageRecord& record : records) ids.push_back(record.id.digest.to_string());
  TRY(forget_run_traces(m_database, ids));
  m_needed = TRY(needs_of_removed(m_workshop.blobs(), records));
  m_images = TRY(collect_needs(m_workshop.blobs(), records));
  for (const ImageNeeds& needs : m_images) m_needed.add(needs);
  m_layers = TRY(m_workshop.layers().list());
  m_needed_layers = as_set(TRY(m_workshop.store().held("layer")));
  if (m_recorded) m_recorded_layers = TRY(m_recorded->list());
  for (const auto* layers : {&m_layers, &m_recorded_layers})
    for (const fs::Layer& layer : *layers)
      if (m_needed.diff_ids.contains(layer.diff_id)) m_needed_layers.insert(layer.id);
  for (std::string& id : TRY(WorkingContainers(m_workshop.store()).needs()).layers)
    m_needed_layers.insert(std::move(id));
  for (std::string& id : TRY(run::ContainerTable(m_database).needs()).layers)
    m_needed_layers.insert(std::move(id));
  return {};
}

Result<> Pruner::remove_cache_entries() {
  std::vector<CacheEntry> entries;
  {
    auto select = TRY(m_database.prepare("SELECT key, layer, below, created, last_used FROM build_steps"));
    while (TRY(select.step()) == Statement::Step::row) {
      CacheEntry entry{.key = select.text(0),
                       .layer = select.is_null(1) ? split(select.text(2), ' ').front() : select.text(1),
                       .created = select.integer(3),
                       .last_used = select.integer(4)};
      if (!entry.layer.empty() && !m_needed_layers.contains(entry.layer)) entries.push_back(std::move(entry));
    }
  }
  std::set<std::string> going;
  // Labels are a matter of images: whoever asks by label does not mean the cache.
  if (m_options.cache && m_options.labels.empty())
    going = as_set(choose_cache_entries(entries, m_sizes, m_policy));
  // Entries that stay keep their layers.
  for (const CacheEntry& entry : entries)
    if (!going.contains(entry.key)) m_needed_layers.insert(entry.layer);
  for (const std::string& key : going) {
    auto remove = TRY(m_database.prepare("DELETE FROM build_steps WHERE key = ?1"));
    remove.bind(1, key);
    TRY(remove.run());
  }
  m_report.cache_entries = going.size();
  if (going.empty()) return {};
  TRY(m_database.execute("DELETE FROM build_slots WHERE key NOT IN (SELECT key FROM build_steps)"));
  if (going.size() == entries.size())
    TRY(m_database.execute("DELETE FROM build_directories; DELETE FROM build_answers"));
  return {};
}

// Failed steps that were kept go with the build cache, but not under the hands of somebody who looks into
// one.
Result<> Pruner::remove_kept() {
  KeptSteps kept(m_database);
  const std::set<std::string> held = as_set(TRY(m_workshop.store().held("layer")));
  for (const KeptStep& step : TRY(kept.list())) {
    const bool is_new = m_options.until && step.created >= *m_options.until;
    const bool is_recent = m_options.used_since && step.created >= *m_options.used_since;
    const bool goes = m_options.cache && m_options.labels.empty() && !is_new && !is_recent &&
                      !held.contains(step.own_layer);
    if (goes) {
      TRY(kept.remove_row(step.id));
      ++m_report.kept_steps;
    } else {
      m_needed_layers.insert(step.layers.begin(), step.layers.end());
    }
  }
  return {};
}

Result<> Pruner::retire_layers() {
  const auto retire = [&](fs::LayerStore& from, const std::vector<fs::Layer>& layers) -> Result<> {
    for (const fs::Layer& layer : layers) {
      if (m_needed_layers.contains(layer.id)) continue;
      TRY(from.retire(layer.id));
      TRY(FileDigests::forget(m_database, layer.id));
      ++m_report.layers;
    }
    return {};
  };
  if (m_recorded) TRY(retire(*m_recorded, m_recorded_layers));
  return retire(m_workshop.layers(), m_layers);
}

// The diff ID of what this directory gives now. It is another one for layers of other tools, whose tar has
// another order or other headers.
Result<std::string> Pruner::made_again(const fs::Layer& layer) {
  const Fd directory = TRY(m_workshop.layers().open_layer(layer));
  return TRY(hash_layer(directory, {}, nullptr)).diff_id;
}

// Done before the transaction that removes them, because it reads whole layers.
Result<> Pruner::find_spare_layers() {
  if (!m_options.blobs) return {};
  for (const fs::Layer& layer : m_layers) {
    if (!m_needed_layers.contains(layer.id) || layer.diff_id.empty()) continue;
    m_unpacked.insert(layer.diff_id);
    if (TRY(made_again(layer)) == layer.diff_id) m_reproducible.insert(layer.diff_id);
  }
  return {};
}

// Blobs of layers that can be had without them: uncompressed ones that their directory makes again, bit for
// bit, and compressed ones of images whose layers are all unpacked (those can be run and built upon, but not
// saved any more: that is the trade).
std::set<std::string> Pruner::spare_blobs() const {
  std::set<std::string> spare;
  for (const ImageNeeds& image : m_images) {
    const bool all_there =
        std::ranges::all_of(image.diff_ids, [&](const std::string& id) { return m_unpacked.contains(id); });
    if (!all_there) continue;
    for (const std::string& blob : image.layers) {
      if (!image.diff_ids.contains(blob) || m_reproducible.contains(blob)) spare.insert(blob);
    }
  }
  // What another image cannot do without stays.
  for (const ImageNeeds& image : m_images) {
    const bool all_there =
        std::ranges::all_of(image.diff_ids, [&](const std::string& id) { return m_unpacked.contains(id); });
    if (all_there) continue;
    for (const std::string& blob : image.layers) spare.erase(blob);
  }
  return spare;
}

// A transaction of its own, after the rows that named the blobs are gone for good: a kill at any point leaves
// no row without its blob. Another process that puts a blob holds it in a transaction before or after this
// one.
Result<> Pruner::remove_blobs() {
  oci::BlobStore& blobs = m_workshop.blobs();
  auto transaction = TRY(m_database.begin());
  TRY(collect_needed());
  std::set<std::string> held = as_set(TRY(m_workshop.store().held("blob")));
  const std::set<std::string> spare = m_options.blobs ? spare_blobs() : std::set<std::string>{};
  for (const oci::Digest& digest : TRY(blobs.list())) {
    const std::string name = digest.to_string();
    if (held.contains(name) || (m_needed.blobs.contains(name) && !spare.contains(name))) continue;
    m_report.bytes += TRY(blobs.size_of(digest)).value_or(0);
    TRY(blobs.remove(digest));
    ++m_report.blobs;
  }
  return transaction.commit();
}

Result<> Pruner::decide() {
  auto transaction = TRY(m_database.begin());
  m_dead_leases = TRY(m_workshop.store().dead_leases());
  m_report.leases = m_dead_leases.size();
  TRY(remove_images());
  TRY(collect_needed());
  TRY(remove_kept());
  TRY(remove_cache_entries());
  TRY(retire_layers());
  return transaction.commit();
}

// Before the first file goes: a power cut must not bring back a row whose files do not come back with it. On
// a full disk the removal matters more.
Result<> Pruner::let_rows_go() {
  auto synced = sync_database(m_workshop.store());
  const int code = synced ? 0 : synced.error().code();
  if (code == ENOSPC || code == EDQUOT) return {};
  return synced;
}

Result<> Pruner::delete_trees() {
  const auto remove = [&](const Fd& parent, const std::string& name) -> Result<> {
    if (const auto directory = posix::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)) {
      if (const auto size = fs::measure_tree(*directory)) m_report.bytes += size->bytes;
    }
    return fs::remove_tree(parent, name);
  };
  for (const ImageMount& mount : TRY(m_mounts.dead())) {
    if (auto removed = m_mounts.remove(mount); !removed)
      log::warning("what is left of a mounted image stays: {}", removed.error().message());
  }
  const Fd work = TRY(m_workshop.store().subdirectory("tmp"));
  for (const std::string& name : m_dead_leases) {
    TRY_WHILE(remove(work, name), "removing what a dead process left");
  }
  // With their trees gone, their lock files go too.
  if (!m_dead_leases.empty()) (void)TRY(m_workshop.store().dead_leases());
  // What a process left that was killed while it made or removed a container.
  for (const std::string& id : TRY(run::unlocked_places(m_workshop.store()))) {
    if (TRY(run::ContainerTable(m_database).get(id))) continue;
    TRY_WHILE(run::remove_container_place(m_workshop.store(), id), "removing what is left of a container");
  }
  const Fd temporary = TRY(m_workshop.store().temporary());
  for (fs::LayerStore* layers : {&m_workshop.layers(), m_recorded.get()}) {
    if (!layers) continue;
    for (const std::string& name : TRY(layers->sweep()))
      TRY_WHILE(remove(temporary, name), "removing a layer");
  }
  return {};
}

// A part of a blob is locked by the process that downloads it. One that is not is what a dead process left:
// it would be gone on with by the next pull of the same image, if that ever came.
Result<> Pruner::remove_downloads() {
  if (!m_options.downloads) return {};
  const auto removed = TRY(m_workshop.blobs().remove_partial_downloads(m_options.until));
  m_report.bytes += removed.bytes;
  m_report.downloads += removed.count;
  return {};
}

// Locks that have names are taken away by who held them. Of those that a killed process left, nobody waits
// for any.
Result<> Pruner::remove_locks() {
  for (const char* folder : {"locks", "working"}) {
    const auto directory = posix::open_at(m_workshop.store().directory(), folder, O_RDONLY | O_DIRECTORY);
    if (!directory && directory.error().kind() == ErrorKind::not_found) continue;
    if (!directory) return std::unexpected(directory.error());
    for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(*directory))) {
      if (entry.type != DT_REG) continue;
      const auto lock = TRY(FileLock::acquire_existing_now(*directory, entry.name));
      if (lock) TRY(posix::unlink_at(*directory, entry.name));
    }
  }
  return {};
}

Result<PruneReport> Pruner::run() {
  if (!fs::owners_are_recorded()) m_recorded = TRY(fs::LayerStore::open_other_kind(m_workshop.store()));
  TRY(measure_layers());
  TRY(decide());
  TRY(let_rows_go());
  TRY(find_spare_layers());
  TRY(remove_blobs());
  TRY(delete_trees());
  TRY(remove_downloads());
  TRY(remove_locks());
  return std::move(m_report);
}

}  // namespace

Result<PruneReport> prune(Workshop& workshop, const PruneOptions& options) {
  CachePolicy policy{.used_since = options.used_since, .keep = options.keep_cache};
  if (options.until) policy.used_since = std::min(policy.used_since.value_or(INT64_MAX), *options.until);
  const ImageMounts mounts = TRY(ImageMounts::open(workshop.store()));
  if (!options.max_size) return Pruner(workshop, options, policy, mounts).run();

  // First all else, then as much of the cache as it takes.
  PruneOptions all_else = options;
  all_else.cache = false;
  PruneReport report = TRY(Pruner(workshop, all_else, {}, mounts).run());
  const std::uint64_t size = TRY(fs::measure_tree(workshop.store().directory())).bytes;
  if (size <= *options.max_size) return report;
  policy.free = size - *options.max_size;
  PruneOptions only_cache = options;
  only_cache.images = only_cache.all_images = only_cache.blobs = only_cache.downloads = false;
  const PruneReport second = TRY(Pruner(workshop, only_cache, policy, mounts).run());
  report.layers += second.layers;
  report.blobs += second.blobs;
  report.cache_entries += second.cache_entries;
  report.kept_steps += second.kept_steps;
  report.bytes += second.bytes;
  return report;
}

}  // namespace ecrin::build

#include "build/garbage.hpp"

#include <algorithm>
#include <set>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "build/image_mounts.hpp"
#include "fs/changeset.hpp"
#include "fs/tree.hpp"
#include "oci/image_manifest.hpp"

namespace ecrin::build {

namespace {

/// What one image needs.
struct ImageNeeds {
  std::set<std::string> diff_ids;
  std::set<std::string> blobs;   // manifest, config, layers
  std::set<std::string> layers;  // blobs of layers only
};

std::set<std::string> as_set(std::vector<std::string> list) {
  return {std::make_move_iterator(list.begin()), std::make_move_iterator(list.end())};
}

class Pruner {
public:
  Pruner(Workshop& workshop, const PruneOptions& options, ImageMounts mounts)
      : m_workshop(workshop), m_options(options), m_mounts(mounts), m_database(workshop.store().database()) {}
  Result<PruneReport> run();

private:
  Result<> decide();
  Result<> remove_images();
  Result<> collect_needs();
  Result<> remove_cache_entries();
  Result<> retire_layers();
  Result<> remove_blobs();
  Result<> delete_trees();
  Result<> find_spare_layers();
  Result<std::string> made_again(const fs::Layer& layer);
  std::set<std::string> spare_blobs() const;
  Result<ImageNeeds> needs_of(const oci::Descriptor& manifest);

  Workshop& m_workshop;
  const PruneOptions& m_options;
  ImageMounts m_mounts;
  Database& m_database;
  PruneReport m_report;
  ImageNeeds m_needed;                   // of the images that stay
  std::vector<ImageNeeds> m_images;      // the same, one by one
  std::set<std::string> m_unpacked;      // diff IDs that have a directory
  std::set<std::string> m_reproducible;  // of these, the ones whose tar can be made again
  std::vector<fs::Layer> m_layers;
  std::set<std::string> m_needed_layers;  // directory ids
  std::vector<std::string> m_dead_leases;
};

Result<> Pruner::remove_images() {
  if (!m_options.images && !m_options.all_images) return {};
  std::set<std::string> held = as_set(TRY(m_workshop.store().held("image")));
  held.merge(TRY(m_mounts.mounted_manifests()));
  std::vector<std::pair<std::string, std::string>> garbage;
  {
    auto select =
        TRY(m_database.prepare("SELECT manifest, config, EXISTS (SELECT 1 FROM names WHERE names.manifest = "
                               "images.manifest) FROM images"));
    while (TRY(select.step()) == Statement::Step::row) {
      const bool named = select.integer(2) != 0;
      if (held.contains(select.text(0)) || (named && !m_options.all_images)) continue;
      garbage.emplace_back(select.text(0), select.text(1));
    }
  }
  for (const auto& [manifest, config] : garbage) {
    for (const char* sql :
         {"DELETE FROM names WHERE manifest = ?1", "DELETE FROM images WHERE manifest = ?1"}) {
      auto remove = TRY(m_database.prepare(sql));
      remove.bind(1, manifest);
      TRY(remove.run());
    }
    m_report.images.push_back(config);
  }
  return {};
}

Result<ImageNeeds> Pruner::needs_of(const oci::Descriptor& descriptor) {
  oci::BlobStore& blobs = m_workshop.blobs();
  ImageNeeds needs;
  needs.blobs.insert(descriptor.digest.to_string());
  const std::string bytes = TRY(blobs.read(descriptor, oci::k_manifest_limit));
  const auto manifest = TRY(oci::ImageManifest::parse(bytes, descriptor.digest.to_string()));
  needs.blobs.insert(manifest.config.digest.to_string());
  for (const oci::Descriptor& layer : manifest.layers) {
    needs.blobs.insert(layer.digest.to_string());
    needs.layers.insert(layer.digest.to_string());
  }
  const std::string config = TRY(blobs.read(manifest.config, oci::k_config_limit));
  for (const oci::DiffId& id :
       TRY(oci::ImageConfig::parse(config, manifest.config.digest.to_string())).diff_ids) {
    needs.diff_ids.insert(id.digest.to_string());
  }
  return needs;
}

Result<> Pruner::collect_needs() {
  m_needed = {};
  m_images.clear();
  std::vector<oci::Descriptor> images;
  {
    auto select = TRY(m_database.prepare("SELECT manifest, media_type, manifest_size FROM images"));
    while (TRY(select.step()) == Statement::Step::row) {
      oci::Descriptor descriptor;
      descriptor.digest = TRY(oci::Digest::parse(select.text(0)));
      descriptor.media_type = select.text(1);
      descriptor.size = static_cast<std::uint64_t>(select.integer(2));
      images.push_back(std::move(descriptor));
    }
  }
  for (const oci::Descriptor& image : images) {
    auto needs = needs_of(image);
    if (!needs) {
      const ErrorKind kind = needs.error().kind();
      // What cannot be read now may be readable later: nothing is collected on a guess.
      if (kind != ErrorKind::not_found && kind != ErrorKind::invalid && kind != ErrorKind::limit)
        return std::unexpected(std::move(needs).error());
      // A damaged image must not stop the store from getting smaller, and it cannot be used any more.
      log::warning("image {} is damaged: {}", image.digest.to_string(), needs.error().message());
      continue;
    }
    m_needed.diff_ids.insert(needs->diff_ids.begin(), needs->diff_ids.end());
    m_needed.blobs.insert(needs->blobs.begin(), needs->blobs.end());
    m_images.push_back(std::move(*needs));
  }
  m_layers = TRY(m_workshop.layers().list());
  m_needed_layers = as_set(TRY(m_workshop.store().held("layer")));
  for (const fs::Layer& layer : m_layers) {
    if (m_needed.diff_ids.contains(layer.diff_id)) m_needed_layers.insert(layer.id);
  }
  return {};
}

Result<> Pruner::remove_cache_entries() {
  std::vector<std::string> keys;
  {
    auto select = TRY(m_database.prepare("SELECT key, layer, below FROM build_steps"));
    while (TRY(select.step()) == Statement::Step::row) {
      const std::string layer = select.is_null(1) ? select.text(2) : select.text(1);
      if (layer.empty() || m_needed_layers.contains(layer)) continue;
      if (m_options.cache) {
        keys.push_back(select.text(0));
      } else {
        // Kept entries keep their layers; collected below, because the rows of this query must not change.
        keys.push_back(layer);
      }
    }
  }
  if (!m_options.cache) {
    m_needed_layers.insert(keys.begin(), keys.end());
    return {};
  }
  for (const std::string& key : keys) {
    auto remove = TRY(m_database.prepare("DELETE FROM build_steps WHERE key = ?1"));
    remove.bind(1, key);
    TRY(remove.run());
  }
  m_report.cache_entries = keys.size();
  TRY(
      m_database.execute("DELETE FROM build_slots WHERE key NOT IN (SELECT key FROM build_steps);"
                         "DELETE FROM build_files"));
  return {};
}

Result<> Pruner::retire_layers() {
  for (const fs::Layer& layer : m_layers) {
    if (m_needed_layers.contains(layer.id)) continue;
    TRY(m_workshop.layers().retire(layer.id));
    ++m_report.layers;
  }
  return {};
}

// The diff ID of what this directory gives now. It is another one for layers of other tools, whose tar has
// another order or other headers.
Result<std::string> Pruner::made_again(const fs::Layer& layer) {
  const Fd directory = TRY(m_workshop.layers().open_layer(layer));
  HashingSink hash(nullptr);
  TRY(fs::write_layer(directory, hash));
  return "sha256:" + hash.finish_hex();
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
  TRY(collect_needs());
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
  TRY(collect_needs());
  TRY(remove_cache_entries());
  TRY(retire_layers());
  return transaction.commit();
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
  const Fd temporary = TRY(m_workshop.store().temporary());
  for (const std::string& name : TRY(m_workshop.layers().sweep()))
    TRY_WHILE(remove(temporary, name), "removing a layer");
  return {};
}

Result<PruneReport> Pruner::run() {
  TRY(decide());
  TRY(find_spare_layers());
  TRY(remove_blobs());
  TRY(delete_trees());
  return std::move(m_report);
}

}  // namespace

Result<PruneReport> prune(Workshop& workshop, const PruneOptions& options) {
  return Pruner(workshop, options, TRY(ImageMounts::open(workshop.store()))).run();
}

}  // namespace ecrin::build

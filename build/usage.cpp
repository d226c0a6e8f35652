#include "build/usage.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/file_lock.hpp"
#include "base/posix.hpp"
#include "build/image_needs.hpp"
#include "build/volumes.hpp"
#include "fs/tree.hpp"
#include "oci/image_reach.hpp"

namespace ecrin::build {

namespace {

std::uint64_t disk_size(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

// With the directory itself.
Result<std::uint64_t> measure_directory(const Fd& parent, const std::string& name) {
  const Fd directory = TRY(posix::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return disk_size(TRY(posix::stat_fd(directory))) + TRY(fs::measure_tree(directory)).bytes;
}

/// A layer directory or a blob: its bytes on disk, and which images need it.
struct Piece {
  std::uint64_t bytes = 0;
  std::set<std::size_t> users;  // indexes of images
  bool kept = false;            // by an image that stays, or by a live process
};

class Measurement {
public:
  explicit Measurement(Workshop& workshop) : m_workshop(workshop), m_root(workshop.store().directory()) {}
  Result<StoreUsage> run();

private:
  Result<> measure_pieces();
  Result<> assign_pieces();
  Result<> measure_places();
  Result<PlaceUsage> measure_downloads();
  PlaceUsage sum(const std::string& name, const std::map<std::string, Piece>& pieces);

  Workshop& m_workshop;
  const Fd& m_root;
  StoreUsage m_usage;
  std::map<std::string, Piece> m_layers;  // by diff ID, or by directory when there is none
  std::map<std::string, Piece> m_blobs;   // by digest
};

Result<> Measurement::measure_pieces() {
  const std::vector<std::string> held = TRY(m_workshop.store().held("layer"));
  for (const fs::Layer& layer : TRY(m_workshop.layers().list())) {
    const auto bytes = measure_directory(m_root, "layers/" + layer.id);
    if (!bytes) continue;  // a prune was faster
    Piece& piece = m_layers[layer.diff_id.empty() ? layer.id : layer.diff_id];
    piece.bytes = *bytes;
    piece.kept = std::ranges::find(held, layer.id) != held.end();
  }
  const std::vector<std::string> held_blobs = TRY(m_workshop.store().held("blob"));
  for (const oci::Digest& digest : TRY(m_workshop.blobs().list())) {
    const std::string name = digest.to_string();
    const auto status =
        posix::lstat_at(m_root, fmt::format("blobs/{}/{}", digest.algorithm_name(), digest.hex()));
    if (!status) continue;
    m_blobs[name] =
        Piece{.bytes = disk_size(*status), .kept = std::ranges::find(held_blobs, name) != held_blobs.end()};
  }
  return {};
}

Result<> Measurement::assign_pieces() {
  const std::vector<oci::ImageRecord> records = TRY(m_workshop.images().list_all());
  const std::vector<ImageNeeds> needs = TRY(collect_needs(m_workshop.blobs(), records));
  const std::set<oci::Digest> kept = oci::reachable(records, TRY(image_roots(m_workshop.store(), records)));
  for (std::size_t i = 0; i < records.size(); ++i) {
    m_usage.images.push_back({.record = records[i], .dangling = !kept.contains(records[i].manifest)});
    // An index answers for its images.
    ImageNeeds all = needs[i];
    for (const oci::Digest& part : oci::reachable(records, {records[i].manifest}))
      for (std::size_t k = 0; k < records.size(); ++k)
        if (records[i].kind == oci::ImageKind::index && records[k].manifest == part) all.add(needs[k]);
    const auto use = [&](std::map<std::string, Piece>& pieces, const std::string& key) {
      const auto piece = pieces.find(key);
      if (piece == pieces.end()) return;
      // Shared is what two images have, not what an index and its own image have.
      if (records[i].kind != oci::ImageKind::index) piece->second.users.insert(i);
      piece->second.kept |= !m_usage.images[i].dangling;
      m_usage.images[i].bytes += piece->second.bytes;
    };
    for (const std::string& id : all.diff_ids) use(m_layers, id);
    for (const std::string& blob : all.blobs) use(m_blobs, blob);
  }
  for (const auto* pieces : {&m_layers, &m_blobs}) {
    for (const auto& [key, piece] : *pieces) {
      if (piece.users.empty()) continue;
      m_usage.all_images.bytes += piece.bytes;
      if (!piece.kept) m_usage.all_images.reclaimable += piece.bytes;
      if (piece.users.size() < 2) continue;
      m_usage.all_images.shared += piece.bytes;
      for (const std::size_t user : piece.users) m_usage.images[user].shared += piece.bytes;
    }
  }
  m_usage.all_images.name = "images";
  m_usage.all_images.count = records.size();
  return {};
}

PlaceUsage Measurement::sum(const std::string& name, const std::map<std::string, Piece>& pieces) {
  PlaceUsage place{.name = name, .count = pieces.size()};
  for (const auto& [key, piece] : pieces) {
    if (piece.users.size() > 1) place.shared += piece.bytes;
    if (!piece.kept) place.reclaimable += piece.bytes;
  }
  return place;
}

Result<PlaceUsage> Measurement::measure_downloads() {
  PlaceUsage place{.name = "downloads"};
  const auto directory = posix::open_at(m_root, "downloads", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) {
    if (directory.error().kind() == ErrorKind::not_found) return place;
    return std::unexpected(directory.error());
  }
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(*directory))) {
    auto file = posix::open_at(*directory, entry.name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (!file) continue;
    const std::uint64_t bytes = disk_size(TRY(posix::stat_fd(*file)));
    ++place.count;
    if (TRY(FileLock::acquire_now(std::move(*file), FileLock::Mode::exclusive))) place.reclaimable += bytes;
  }
  return place;
}

Result<> Measurement::measure_places() {
  PlaceUsage containers{.name = "containers"};
  PlaceUsage cache{.name = "cache"};  // what RUN steps mounted as caches; prune leaves it
  PlaceUsage volumes{.name = "volumes"};
  PlaceUsage database{.name = "database"};  // and whatever else lies at the top
  PlaceUsage layers = sum("layers", m_layers);
  PlaceUsage blobs = sum("blobs", m_blobs);
  PlaceUsage downloads = TRY(measure_downloads());
  const std::map<std::string_view, PlaceUsage*> by_directory = {
      {"layers", &layers},   {"blobs", &blobs},    {"downloads", &downloads},  {"cache", &cache},
      {"volumes", &volumes}, {"tmp", &containers}, {"containers", &containers}};
  database.bytes = disk_size(TRY(posix::stat_fd(m_root)));
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(m_root))) {
    const auto place = by_directory.find(entry.name);
    PlaceUsage& usage = place == by_directory.end() ? database : *place->second;
    const auto status = posix::lstat_at(m_root, entry.name);
    if (!status) continue;
    if (!S_ISDIR(status->st_mode)) {
      usage.bytes += disk_size(*status);
      continue;
    }
    usage.bytes += TRY(measure_directory(m_root, entry.name));
    if (&usage == &layers || &usage == &blobs || &usage == &downloads) continue;
    const Fd directory = TRY(posix::open_at(m_root, entry.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    for (const posix::DirectoryEntry& inner : TRY(posix::list_directory(directory)))
      if (inner.type == DT_DIR) ++usage.count;
  }
  Volumes store = TRY(Volumes::open(m_workshop.store()));
  const std::set<std::string> used = TRY(store.used());
  for (const Volume& volume : TRY(store.list())) {
    if (used.contains(volume.name)) continue;
    volumes.reclaimable += measure_directory(m_root, "volumes/" + volume.name).value_or(0);
  }
  m_usage.places = {layers, blobs, cache, downloads, containers, volumes, database};
  for (const PlaceUsage& place : m_usage.places) m_usage.total += place.bytes;
  return {};
}

Result<StoreUsage> Measurement::run() {
  TRY(measure_pieces());
  TRY(assign_pieces());
  TRY(measure_places());
  return std::move(m_usage);
}

}  // namespace

Result<StoreUsage> measure_store(Workshop& workshop) {
  return Measurement(workshop).run();
}

}  // namespace ecrin::build

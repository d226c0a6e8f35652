#include "build/image_needs.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "oci/image_manifest.hpp"

namespace ecrin::build {

namespace {

Result<std::string> read_document(oci::BlobStore& blobs, const oci::Descriptor& descriptor,
                                  std::uint64_t limit) {
  // Asked first, because this runs inside transactions, where a blob cannot be made anew.
  if (!TRY(blobs.size_of(descriptor.digest)))
    return fail(ErrorKind::not_found, "blob {} is not in the store", descriptor.digest.to_string());
  return blobs.read(descriptor, limit);
}

Result<oci::ImageManifest> read_manifest(oci::BlobStore& blobs, const oci::ImageRecord& record) {
  const std::string bytes = TRY(read_document(blobs, record.descriptor(), oci::k_manifest_limit));
  return oci::ImageManifest::parse(bytes, record.manifest.to_string());
}

Result<oci::ImageConfig> read_config(oci::BlobStore& blobs, const oci::ImageManifest& manifest) {
  const std::string bytes = TRY(read_document(blobs, manifest.config, oci::k_config_limit));
  return oci::ImageConfig::parse(bytes, manifest.config.digest.to_string());
}

Result<ImageNeeds> needs_of(oci::BlobStore& blobs, const oci::ImageRecord& record) {
  ImageNeeds needs;
  const std::string name = record.manifest.to_string();
  needs.blobs.insert(name);
  // The images of an index have records of their own.
  if (record.kind == oci::ImageKind::index) return needs;
  const oci::ImageManifest manifest = TRY(read_manifest(blobs, record));
  needs.blobs.insert(manifest.config.digest.to_string());
  for (const oci::Descriptor& layer : manifest.layers) needs.blobs.insert(layer.digest.to_string());
  if (record.kind == oci::ImageKind::artifact) return needs;
  for (const oci::Descriptor& layer : manifest.layers) needs.layers.insert(layer.digest.to_string());
  for (const oci::DiffId& id : TRY(read_config(blobs, manifest)).diff_ids)
    needs.diff_ids.insert(id.digest.to_string());
  return needs;
}

}  // namespace

void ImageNeeds::add(const ImageNeeds& other) {
  diff_ids.insert(other.diff_ids.begin(), other.diff_ids.end());
  blobs.insert(other.blobs.begin(), other.blobs.end());
  layers.insert(other.layers.begin(), other.layers.end());
}

Result<std::vector<ImageNeeds>> collect_needs(oci::BlobStore& blobs,
                                              const std::vector<oci::ImageRecord>& records) {
  std::vector<ImageNeeds> all;
  all.reserve(records.size());
  for (const oci::ImageRecord& record : records) {
    auto needs = needs_of(blobs, record);
    if (needs) {
      all.push_back(std::move(*needs));
      continue;
    }
    const ErrorKind kind = needs.error().kind();
    // What cannot be read now may be readable later.
    if (kind != ErrorKind::not_found && kind != ErrorKind::invalid && kind != ErrorKind::limit)
      return std::unexpected(std::move(needs).error());
    log::warning("image {} is damaged: {}", record.manifest.to_string(), needs.error().message());
    all.emplace_back();
  }
  return all;
}

Result<ImageNeeds> needs_of_removed(oci::BlobStore& blobs, const std::vector<oci::ImageRecord>& records) {
  ImageNeeds all;
  for (const std::string& held : TRY(blobs.store().held_by_others("image"))) {
    const oci::Digest digest = TRY(oci::Digest::parse(held));
    if (std::ranges::find(records, digest, &oci::ImageRecord::manifest) != records.end()) continue;
    const auto size = TRY(blobs.size_of(digest));
    if (!size) continue;
    oci::ImageRecord record;
    record.manifest = digest;
    record.manifest_size = *size;
    const auto manifest = read_manifest(blobs, record);
    // An index, or something damaged.
    if (!manifest) record.kind = oci::ImageKind::index;
    if (manifest && !manifest->is_image()) record.kind = oci::ImageKind::artifact;
    auto needs = needs_of(blobs, record);
    if (needs) all.add(*needs);
  }
  return all;
}

std::map<std::string, std::string> labels_of(oci::BlobStore& blobs, const oci::ImageRecord& record) {
  if (record.kind != oci::ImageKind::image) return {};
  const auto manifest = read_manifest(blobs, record);
  if (!manifest) return {};
  auto config = read_config(blobs, *manifest);
  return config ? std::move(config->labels) : std::map<std::string, std::string>();
}

bool has_labels(const std::map<std::string, std::string>& labels, const std::vector<LabelFilter>& filters) {
  return std::ranges::all_of(filters, [&](const LabelFilter& filter) {
    const auto found = labels.find(filter.key);
    const bool fits = found != labels.end() && (!filter.value || *filter.value == found->second);
    return fits == filter.present;
  });
}

Result<std::set<oci::Digest>> image_roots(Store& store, const std::vector<oci::ImageRecord>& records) {
  const std::vector<std::string> held = TRY(store.held("image"));
  const std::set<std::string> holds(held.begin(), held.end());
  std::set<oci::Digest> roots;
  for (const oci::ImageRecord& record : records)
    if (!record.names.empty() || holds.contains(record.manifest.to_string())) roots.insert(record.manifest);
  return roots;
}

}  // namespace ecrin::build

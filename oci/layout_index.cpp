#include "oci/layout_index.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/layout_names.hpp"

namespace ecrin::oci {

namespace {

bool is_other_platform(const LayoutEntry& entry, const Descriptor& descriptor) {
  if (!descriptor.platform) return false;
  return std::all_of(entry.descriptors.begin(), entry.descriptors.end(), [&](const Descriptor& other) {
    return other.platform && other.platform != descriptor.platform;
  });
}

// Entries of index.json become images: one digest under several names is one image, and so are entries of one
// name that differ in their platform.
std::vector<LayoutEntry> list_entries(const ImageIndex& index) {
  std::vector<LayoutEntry> entries;
  for (const Descriptor& descriptor : index.manifests) {
    if (!media_type::is_manifest(descriptor.media_type) && !media_type::is_index(descriptor.media_type))
      continue;
    if (descriptor.platform && descriptor.platform->os == "unknown") continue;  // BuildKit's attestations
    LayoutNames names = read_layout_names(descriptor.annotations);
    const auto same_digest = std::find_if(entries.begin(), entries.end(), [&](const LayoutEntry& entry) {
      return entry.descriptors.front().digest == descriptor.digest;
    });
    if (same_digest != entries.end()) {
      Candidate& candidate = same_digest->candidate;
      candidate.labels.insert(candidate.labels.end(), names.labels.begin(), names.labels.end());
      candidate.names.insert(candidate.names.end(), names.names.begin(), names.names.end());
      continue;
    }
    const auto same_name = std::find_if(entries.begin(), entries.end(), [&](const LayoutEntry& entry) {
      return entry.candidate.labels == names.labels && is_other_platform(entry, descriptor);
    });
    if (same_name != entries.end()) {
      same_name->candidate.digests.push_back(descriptor.digest);
      same_name->descriptors.push_back(descriptor);
      continue;
    }
    entries.push_back({{std::move(names.labels), std::move(names.names), {descriptor.digest}}, {descriptor}});
  }
  return entries;
}

Result<> check_version(ImageFiles& files) {
  const std::string what = fmt::format("'{}' of '{}'", k_layout_file, files.path());
  const Json json = TRY(parse_json(TRY(read_image_file(files, k_layout_file, 4096)), what));
  if (!json.is_object()) return fail(ErrorKind::invalid, "{} must be an object", what);
  const std::string version = TRY(json_string(json, "imageLayoutVersion", what)).value_or("");
  if (!version.starts_with("1.0."))
    return fail(ErrorKind::unsupported, "{}: imageLayoutVersion is '{}', not 1.0.0", what,
                printable(version, 100));
  return {};
}

}  // namespace

Result<std::vector<LayoutEntry>> read_layout_entries(ImageFiles& files) {
  TRY(check_version(files));
  const std::string bytes = TRY(read_image_file(files, k_index_file, k_image_file_limit));
  return list_entries(TRY(ImageIndex::parse(bytes, fmt::format("'{}' of '{}'", k_index_file, files.path()),
                                            k_layout_entry_limit)));
}

Result<Descriptor> choose_descriptor(const LayoutEntry& entry, const std::string& reference,
                                     const Platform& platform) {
  for (const Descriptor& descriptor : entry.descriptors)
    if (descriptor.digest.to_string() == reference) return descriptor;
  if (entry.descriptors.size() == 1) return entry.descriptors.front();
  ImageIndex index;
  index.manifests = entry.descriptors;
  return select_platform(index, platform);
}

std::string layout_blob_name(const Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.algorithm_name(), digest.hex());
}

}  // namespace ecrin::oci

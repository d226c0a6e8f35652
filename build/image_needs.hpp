// What the images of a store need of it: blobs by digest, layer directories by diff ID. Garbage collection
// and the verb that shows disk usage ask the same questions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "build/workshop.hpp"

namespace ecrin::build {

/// What one image, index or artifact needs.
struct ImageNeeds {
  std::set<std::string> diff_ids;
  std::set<std::string> blobs;   // documents, configs, layers
  std::set<std::string> layers;  // blobs of an image's layers only
  void add(const ImageNeeds& other);
};

/// Damaged ones are empty and told about: they cannot be used, and must not keep the store from getting
/// smaller. One entry a record, in order. What cannot be read for another reason is an error: nothing is
/// decided on a guess.
Result<std::vector<ImageNeeds>> collect_needs(oci::BlobStore& blobs,
                                              const std::vector<oci::ImageRecord>& records);

/// What other processes need of images that they use and that have been removed since: rows are gone, and so
/// that the work can be ended, files are not. Call inside the transaction that decides what is garbage.
Result<ImageNeeds> needs_of_removed(oci::BlobStore& blobs, const std::vector<oci::ImageRecord>& records);

/// Labels of an image's config; none of anything else, and of what cannot be read.
std::map<std::string, std::string> labels_of(oci::BlobStore& blobs, const oci::ImageRecord& record);

/// "KEY" or "KEY=VALUE"; `present` false: what does not have it.
struct LabelFilter {
  std::string key;
  std::optional<std::string> value;
  bool present = true;
};
/// Do they fit all filters?
bool has_labels(const std::map<std::string, std::string>& labels, const std::vector<LabelFilter>& filters);

/// The records that stay by themselves: what has a name and what a live process holds.
Result<std::set<oci::Digest>> image_roots(Store& store, const std::vector<oci::ImageRecord>& records);

}  // namespace ecrin::build

// ImageIndex: one name for the images of several platforms (image-spec image-index.md; docker's manifest
// lists). A parsed value; the raw bytes, whose digest is the name, are kept and never made again: to_bytes is
// for indexes of our own making.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/manifest_document.hpp"

namespace ecrin::oci {

inline constexpr std::size_t k_index_entry_limit = 1000;
inline constexpr int k_index_depth_limit = 4;  // of indexes in indexes

struct ImageIndex {
  std::string media_type;
  std::string artifact_type;
  std::vector<Descriptor> manifests;
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;
  /// `entry_limit`: the index.json of a layout lists many images, an image lists few platforms.
  static Result<ImageIndex> parse(std::string_view bytes, std::string_view what,
                                  std::size_t entry_limit = k_index_entry_limit);
  std::string to_bytes() const;

  const Descriptor* find(const Digest& digest) const;  // nullptr: no such entry
  /// Adds an entry, or puts it in the place of the one with its digest. An index with what docker's lists
  /// cannot say (annotations, OCI images) becomes an OCI index.
  void set(Descriptor entry);
  /// False when there is no such entry.
  bool erase(const Digest& digest);
};

/// The manifest of `index` that fits `wanted` best; not_found names the platforms that there are.
Result<Descriptor> select_platform(const ImageIndex& index, const Platform& wanted);
/// The same with a list of entries that was put together from several indexes.
Result<Descriptor> select_platform(const std::vector<Descriptor>& entries, const Platform& wanted);

}  // namespace ecrin::oci

// The values of --filter that choose images: podman's words with podman's meaning. Parsed once, before the
// store is opened; what needs the store (before=, since=) is resolved afterwards.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/garbage.hpp"
#include "oci/image_store.hpp"

namespace ecrin::cli {

/// A value of until=: seconds since 1970, a date, or how long ago ("24h", "90m", "2d").
Result<std::int64_t> parse_moment(const std::string& text, std::int64_t now);
/// "24h", "1h30m", "2d", "1w": seconds.
Result<std::int64_t> parse_age(const std::string& text);
/// "KEY" or "KEY=VALUE".
build::LabelFilter parse_label_filter(const std::string& text, bool present);
/// Does a name fit a pattern with * and ? and [...]? The pattern may leave out registry and tag.
bool matches_reference(const std::string& name, const std::string& pattern);

class ImageFilter {
public:
  static Result<ImageFilter> parse(const std::vector<std::string>& values, std::int64_t now);
  /// Looks up the images of before= and since=.
  Result<> resolve(oci::ImageStore& images);
  /// All filters of different kinds must fit, of one kind any (labels: all). An image that one of its names
  /// lets in comes with all names.
  bool accepts(const oci::ImageRecord& record, oci::BlobStore& blobs) const;

private:
  std::vector<std::string> m_references;
  std::vector<build::LabelFilter> m_labels;
  std::vector<std::string> m_ids;      // hex prefixes
  std::vector<std::string> m_digests;  // "sha256:..." prefixes
  std::vector<std::string> m_before_names;
  std::vector<std::string> m_since_names;
  std::optional<bool> m_dangling;
  std::optional<std::int64_t> m_before;  // created before (before=, until=)
  std::optional<std::int64_t> m_since;   // created after
};

}  // namespace ecrin::cli

// How images are named in index.json: two annotations, used differently by everybody. Internal to oci/.
//
//   podman, buildah      org.opencontainers.image.ref.name = full name ("localhost/hello:latest")
//   skopeo, umoci        org.opencontainers.image.ref.name = whatever stands behind "oci:DIR:", usually a tag
//   docker, BuildKit     org.opencontainers.image.ref.name = tag, io.containerd.image.name = full name
#pragma once

#include <map>
#include <string>
#include <vector>

#include "oci/descriptor.hpp"
#include "oci/reference.hpp"

namespace ecrin::oci {

inline constexpr const char* k_ref_name = "org.opencontainers.image.ref.name";
inline constexpr const char* k_containerd_name = "io.containerd.image.name";

struct LayoutNames {
  std::vector<std::string> labels;  // as written, the fullest first
  std::vector<Reference> names;     // full names; a bare tag names nothing
};
LayoutNames read_layout_names(const std::map<std::string, std::string>& annotations);

enum class RefName {
  as_given,  // what podman and skopeo write
  tag        // what docker writes
};
/// Annotations for what an image is called: a full name, or a word of the user's, which is written as it is.
std::map<std::string, std::string> layout_annotations(const std::string& name, RefName style);

/// An image of an index.json that is being written.
struct NamedDescriptor {
  Descriptor descriptor;
  std::vector<std::string> names;
};
/// The entries: one for each name, one without for an image that has none. A tag that two images share cannot
/// tell them apart, so both get their full names.
Json layout_entries(const std::vector<NamedDescriptor>& images, RefName style);

}  // namespace ecrin::oci

// How images are named in index.json: two annotations, used differently by everybody. Internal to oci/.
//
//   podman, buildah      org.opencontainers.image.ref.name = full name ("localhost/hello:latest")
//   skopeo, umoci        org.opencontainers.image.ref.name = whatever stands behind "oci:DIR:", usually a tag
//   docker, BuildKit     org.opencontainers.image.ref.name = tag, io.containerd.image.name = full name
#pragma once

#include <map>
#include <string>
#include <vector>

#include "oci/reference.hpp"

namespace ecrin::oci {

inline constexpr const char* k_ref_name = "org.opencontainers.image.ref.name";
inline constexpr const char* k_containerd_name = "io.containerd.image.name";

struct LayoutNames {
  std::vector<std::string> labels;  // as written, the fullest first
  std::vector<Reference> names;     // full names; a bare tag names nothing
};
LayoutNames read_layout_names(const std::map<std::string, std::string>& annotations);

enum class RefName { full_name, tag };
/// Annotations for one name: `tag` writes what docker writes, `full_name` what podman writes.
std::map<std::string, std::string> layout_annotations(const Reference& name, RefName style);

}  // namespace ecrin::oci

#include "oci/layer_types.hpp"

#include <array>

namespace ecrin::oci {

namespace {

struct Row {
  std::string_view name;
  LayerType type;
};

constexpr std::string_view k_oci_foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
constexpr ManifestFormat k_oci = ManifestFormat::oci;
constexpr ManifestFormat k_docker = ManifestFormat::docker;

constexpr std::array k_rows = {
    Row{media_type::k_layer, {k_oci, Compression::none, false}},
    Row{media_type::k_layer_gzip, {k_oci, Compression::gzip, false}},
    Row{media_type::k_layer_zstd, {k_oci, Compression::zstd, false}},
    Row{k_oci_foreign, {k_oci, Compression::none, true}},
    Row{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", {k_oci, Compression::gzip, true}},
    Row{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", {k_oci, Compression::zstd, true}},
    Row{media_type::k_docker_layer_plain, {k_docker, Compression::none, false}},
    Row{media_type::k_docker_layer, {k_docker, Compression::gzip, false}},
    Row{"application/vnd.docker.image.rootfs.foreign.diff.tar", {k_docker, Compression::none, true}},
    Row{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", {k_docker, Compression::gzip, true}},
};
// BuildKit's word for zstd in docker's manifests. It is read, but nobody else knows it: not written.
constexpr std::string_view k_docker_zstd = "application/vnd.docker.image.rootfs.diff.tar.zstd";

}  // namespace

std::optional<LayerType> LayerType::of(std::string_view media_type) {
  for (const Row& row : k_rows)
    if (row.name == media_type) return row.type;
  if (media_type == k_docker_zstd) return LayerType{k_docker, Compression::zstd, false};
  return std::nullopt;
}

std::string_view LayerType::media_type() const {
  for (const Row& row : k_rows)
    if (row.type.format == format && row.type.compression == compression &&
        row.type.non_distributable == non_distributable)
      return row.name;
  return {};
}

}  // namespace ecrin::oci

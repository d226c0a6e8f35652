#include "oci/media_type.hpp"

#include <algorithm>
#include <array>

namespace ecrin::oci::media_type {

namespace {

// BuildKit writes the last one for zstd layers of images in docker's media types.
constexpr std::array k_layers = {k_layer,
                                 k_layer_gzip,
                                 k_layer_zstd,
                                 k_docker_layer,
                                 k_docker_layer_plain,
                                 std::string_view("application/vnd.docker.image.rootfs.diff.tar.zstd")};
constexpr std::array<std::string_view, 6> k_nondistributable = {
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd"};

}  // namespace

bool is_manifest(std::string_view type) {
  return type == k_manifest || type == k_docker_manifest;
}

bool is_index(std::string_view type) {
  return type == k_index || type == k_docker_list;
}

bool is_image_config(std::string_view type) {
  return type == k_config || type == k_docker_config;
}

bool is_layer(std::string_view type) {
  return std::ranges::find(k_layers, type) != k_layers.end() || is_nondistributable_layer(type);
}

bool is_nondistributable_layer(std::string_view type) {
  return std::ranges::find(k_nondistributable, type) != k_nondistributable.end();
}

bool is_schema_1(std::string_view type) {
  return type == "application/vnd.docker.distribution.manifest.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.v1+prettyjws";
}

}  // namespace ecrin::oci::media_type

// Media types: the words by which descriptors say what their content is (image-spec media-types.md, and
// docker's own from before the specification).
#pragma once

#include <string_view>

namespace ecrin::oci::media_type {

inline constexpr std::string_view k_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view k_index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view k_config = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view k_empty = "application/vnd.oci.empty.v1+json";  // of two bytes: {}
inline constexpr std::string_view k_layer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view k_layer_gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view k_layer_zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view k_docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view k_docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view k_docker_config = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view k_docker_layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr std::string_view k_docker_layer_plain = "application/vnd.docker.image.rootfs.diff.tar";

bool is_manifest(std::string_view type);
bool is_index(std::string_view type);
bool is_image_config(std::string_view type);
/// A tar that can be unpacked: plain, gzip or zstd, also one that is not for distribution.
bool is_layer(std::string_view type);
/// A layer that its owner does not allow registries to pass on (base layers of Windows). Its descriptor may
/// name URLs; they are never fetched.
bool is_nondistributable_layer(std::string_view type);
/// The format of 2013, which has no digests of its own content.
bool is_schema_1(std::string_view type);

}  // namespace ecrin::oci::media_type

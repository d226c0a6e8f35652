// What image manifests and image indexes have in common: JSON documents of version 2 with a digest, whose
// media type must fit what they hold.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oci/descriptor.hpp"

namespace ecrin::oci {

inline constexpr std::uint64_t k_manifest_limit = 4u << 20;  // bytes, as distribution-spec suggests

/// The media type of a manifest or an index: what it says of itself, else what its members show (an OCI
/// document need not say it). `declared` is what its transport says; "" and generic types say nothing. Any
/// contradiction between the three is refused: two readers could take the document for two different things.
Result<std::string> manifest_media_type(std::string_view bytes, std::string_view declared,
                                        std::string_view what);

// For the parsers of the two.
/// Fails on schema 1, on anything that is not version 2, and on a document that is both (CVE-2021-41190).
Result<Json> parse_document(std::string_view bytes, std::string_view what);
bool has_member(const Json& json, const char* key);
Result<Descriptor> parse_descriptor_member(const Json& json, const char* key, std::string_view what);
Result<std::vector<Descriptor>> parse_descriptor_list(const Json& json, const char* key, std::size_t limit,
                                                      std::string_view what);

}  // namespace ecrin::oci

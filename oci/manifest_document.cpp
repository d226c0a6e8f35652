#include "oci/manifest_document.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/json_fields.hpp"

namespace ecrin::oci {

namespace {

std::unexpected<Error> schema_1(std::string_view what) {
  return std::unexpected(
      Error(ErrorKind::unsupported,
            fmt::format("{} is a docker schema 1 manifest, a format that was given up in 2017", what))
          .hint("pull and push the image again with a current docker, podman or skopeo to convert it"));
}

bool is_known(std::string_view type) {
  return media_type::is_manifest(type) || media_type::is_index(type);
}

}  // namespace

bool has_member(const Json& json, const char* key) {
  return json.contains(key) && !json[key].is_null();
}

Result<Json> parse_document(std::string_view bytes, std::string_view what) {
  if (bytes.size() > k_manifest_limit)
    return fail(ErrorKind::limit, "{} has {} bytes, more than the {} that a manifest may have", what,
                bytes.size(), k_manifest_limit);
  Json json = TRY(parse_json(bytes, what));
  if (!json.is_object()) return fail(ErrorKind::invalid, "{}: a manifest must be an object", what);
  const auto version = TRY(json_unsigned(json, "schemaVersion", what));
  if (version == 1 || has_member(json, "fsLayers")) return schema_1(what);
  if (!version) return fail(ErrorKind::invalid, "{}.schemaVersion is missing", what);
  if (version != 2) return fail(ErrorKind::unsupported, "{}.schemaVersion is {}, not 2", what, *version);
  if (has_member(json, "manifests") && (has_member(json, "layers") || has_member(json, "config")))
    return fail(ErrorKind::invalid,
                "{} has members of an image manifest and of an image index: it could be read as either",
                what);
  return json;
}

Result<std::string> manifest_media_type(std::string_view bytes, std::string_view declared,
                                        std::string_view what) {
  if (media_type::is_schema_1(declared)) return schema_1(what);
  const Json json = TRY(parse_document(bytes, what));
  const bool index = has_member(json, "manifests");
  if (!index && !has_member(json, "layers") && !has_member(json, "config"))
    return fail(ErrorKind::invalid, "{} is neither an image manifest nor an image index", what);
  std::string type = TRY(parse_media_type(json, "mediaType", what));
  if (type.empty() && is_known(declared)) type = declared;
  if (type.empty()) type = index ? media_type::k_index : media_type::k_manifest;
  if (!is_known(type))
    return fail(ErrorKind::unsupported, "{}.mediaType: '{}' is no known image manifest or index", what, type);
  if (media_type::is_index(type) != index)
    return fail(ErrorKind::invalid, "{} says that it is '{}', but it has the members of an image {}", what,
                type, index ? "index" : "manifest");
  if (is_known(declared) && declared != type)
    return fail(ErrorKind::invalid, "{} says that it is '{}', but it was announced as '{}'", what, type,
                declared);
  return type;
}

Result<Descriptor> parse_descriptor_member(const Json& json, const char* key, std::string_view what) {
  const Json* member = TRY(json_object(json, key, what));
  if (!member) return fail(ErrorKind::invalid, "{}.{} is missing", what, key);
  return Descriptor::parse(*member, fmt::format("{}.{}", what, key));
}

Result<std::vector<Descriptor>> parse_descriptor_list(const Json& json, const char* key, std::size_t limit,
                                                      std::string_view what) {
  const Json* member = TRY(json_array(json, key, what));
  if (!member) return fail(ErrorKind::invalid, "{}.{} is missing", what, key);
  if (member->size() > limit)
    return fail(ErrorKind::limit, "{}.{} has more than {} entries", what, key, limit);
  std::vector<Descriptor> list;
  list.reserve(member->size());
  for (const Json& item : *member)
    list.push_back(TRY(Descriptor::parse(item, fmt::format("{}.{}[{}]", what, key, list.size()))));
  return list;
}

}  // namespace ecrin::oci

#include "oci/descriptor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/json_fields.hpp"

namespace ecrin::oci {

namespace {

// RFC 6838: type "/" subtype, both of restricted characters.
bool is_media_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (text.size() > 255 || slash == 0 || slash == std::string_view::npos || slash + 1 == text.size())
    return false;
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$&-^_.+").find(c) != std::string_view::npos;
  };
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(slash), is_allowed) &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(slash) + 1, text.end(), is_allowed);
}

Result<Platform> parse_platform(const Json& json, const std::string& what) {
  Platform platform;
  platform.os = TRY(json_string(json, "os", what)).value_or("");
  platform.architecture = TRY(json_string(json, "architecture", what)).value_or("");
  platform.variant = TRY(json_string(json, "variant", what)).value_or("");
  platform.os_version = TRY(json_string(json, "os.version", what)).value_or("");
  platform.os_features = TRY(json_strings(json, "os.features", what)).value_or(std::vector<std::string>());
  platform.features = TRY(json_strings(json, "features", what)).value_or(std::vector<std::string>());
  return platform;
}

}  // namespace

Result<std::string> parse_media_type(const Json& json, const char* key, std::string_view what) {
  std::string type = TRY(json_string(json, key, what)).value_or("");
  if (!type.empty() && !is_media_type(type))
    return fail(ErrorKind::invalid, "{}.{}: '{}' is not a media type", what, key, printable(type, 200));
  return type;
}

Result<Descriptor> Descriptor::parse(const Json& json, std::string_view what) {
  if (!json.is_object()) return fail(ErrorKind::invalid, "{}: a descriptor must be an object", what);
  Descriptor descriptor;
  descriptor.media_type = TRY(parse_media_type(json, "mediaType", what));
  if (descriptor.media_type.empty()) return fail(ErrorKind::invalid, "{}.mediaType is missing", what);
  const auto digest = TRY(json_string(json, "digest", what));
  if (!digest) return fail(ErrorKind::invalid, "{}.digest is missing", what);
  Result<Digest> parsed = Digest::parse(*digest);
  if (!parsed) return fail(ErrorKind::invalid, "{}.digest: {}", what, parsed.error().message());
  descriptor.digest = std::move(*parsed);
  const auto size = TRY(json_unsigned(json, "size", what));
  if (!size) return fail(ErrorKind::invalid, "{}.size is missing", what);
  if (*size > INT64_MAX)
    return fail(ErrorKind::invalid, "{}.size: {} is more than any blob has", what, *size);
  descriptor.size = *size;
  if (const Json* platform = TRY(json_object(json, "platform", what)))
    descriptor.platform = TRY(parse_platform(*platform, fmt::format("{}.platform", what)));
  descriptor.annotations = TRY(json_string_map(json, "annotations", what));
  descriptor.urls = TRY(json_strings(json, "urls", what)).value_or(std::vector<std::string>());
  descriptor.artifact_type = TRY(parse_media_type(json, "artifactType", what));
  return descriptor;
}

Json Descriptor::to_json() const {
  Json json = {{"mediaType", media_type}, {"digest", digest.to_string()}, {"size", size}};
  if (platform) {
    Json& member = json["platform"] = {{"os", platform->os}, {"architecture", platform->architecture}};
    if (!platform->variant.empty()) member["variant"] = platform->variant;
    if (!platform->os_version.empty()) member["os.version"] = platform->os_version;
    if (!platform->os_features.empty()) member["os.features"] = platform->os_features;
    if (!platform->features.empty()) member["features"] = platform->features;
  }
  if (!annotations.empty()) json["annotations"] = annotations;
  if (!urls.empty()) json["urls"] = urls;
  if (!artifact_type.empty()) json["artifactType"] = artifact_type;
  return json;
}

}  // namespace ecrin::oci

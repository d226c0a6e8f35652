#include "oci/docker_archive_index.hpp"

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_image_limit = 1000;

// docker writes "alpine:latest" and means docker.io/library/alpine:latest; podman writes full names.
std::optional<Reference> parse_repo_tag(const std::string& text) {
  const Result<Reference> name = Reference::parse(text);
  if (!name) {
    log::debug("ignoring the name '{}' of an archived image: {}", printable(text, 300),
               name.error().message());
    return std::nullopt;
  }
  return local_candidates(name->with_default_tag()).back();
}

Result<ArchivedImage> parse_image(const Json& json, const std::string& what) {
  if (!json.is_object()) return fail(ErrorKind::invalid, "{} must be an object", what);
  ArchivedImage image;
  image.config = TRY(json_string(json, "Config", what)).value_or("");
  if (image.config.empty()) return fail(ErrorKind::invalid, "{}.Config is missing", what);
  image.layers = TRY(json_strings(json, "Layers", what)).value_or(std::vector<std::string>());
  if (image.layers.size() > k_layer_count_limit)
    return fail(ErrorKind::limit, "{}.Layers has more than {} entries", what, k_layer_count_limit);
  image.candidate.labels = TRY(json_strings(json, "RepoTags", what)).value_or(std::vector<std::string>());
  // The usual file names are "<ID>.json" and "blobs/sha256/<ID>".
  std::string_view id = image.config;
  if (const std::size_t slash = id.rfind('/'); slash != std::string_view::npos) id.remove_prefix(slash + 1);
  if (id.ends_with(".json")) id.remove_suffix(5);
  if (Result<Digest> digest = Digest::parse("sha256:" + std::string(id)))
    image.candidate.digests.push_back(std::move(*digest));
  for (const std::string& label : image.candidate.labels)
    if (auto name = parse_repo_tag(label)) image.candidate.names.push_back(std::move(*name));
  return image;
}

}  // namespace

Result<std::vector<ArchivedImage>> read_archive_manifest(ImageFiles& files) {
  const std::string what = fmt::format("'{}' of '{}'", k_archive_manifest_file, files.path());
  const Json json =
      TRY(parse_json(TRY(read_image_file(files, k_archive_manifest_file, k_image_file_limit)), what));
  if (!json.is_array()) return fail(ErrorKind::invalid, "{} must be a list", what);
  if (json.size() > k_image_limit)
    return fail(ErrorKind::limit, "{} lists more than {} images", what, k_image_limit);
  std::vector<ArchivedImage> images;
  for (const Json& item : json)
    images.push_back(TRY(parse_image(item, fmt::format("{}[{}]", what, images.size()))));
  return images;
}

Result<std::unique_ptr<Source>> plain_layer(ImageFiles& files, const std::string& name, std::uint64_t size,
                                            Compression* found) {
  auto source = TRY(decompress_any(lazy_source(files, name), found));
  return std::make_unique<LimitSource>(std::move(source), expansion_limit(size), "the unpacked layer");
}

}  // namespace ecrin::oci

// Manifests.
#include "oci/registry/client.hpp"

#include "base/text.hpp"
#include "oci/registry/query.hpp"

namespace ecrin::oci {

namespace {

// All that is understood, and schema 1, so that an old image gets its own sentence instead of a 404.
constexpr const char* k_accept =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5, "
    "application/vnd.docker.distribution.manifest.v1+json;q=0.5";

std::string content_type(const HttpResponse& response) {
  const std::string value = response.header("Content-Type");
  return to_lower(trim(std::string_view(value).substr(0, value.find(';'))));
}

Digest digest_like(const Digest& asked, std::string_view bytes) {
  Hasher hasher(asked.algorithm());
  hasher.update(bytes);
  // Made of parts that are right by construction.
  return Digest::parse(asked.algorithm_name() + ":" + hasher.finish_hex()).value_or(Digest());
}

// What the registry says about its own answer. An algorithm that is not known cannot be compared.
std::optional<Digest> named_digest(const HttpResponse& response) {
  Result<Digest> digest = Digest::parse(response.header("Docker-Content-Digest"));
  return digest ? std::optional(std::move(*digest)) : std::nullopt;
}

Result<> check_digest(const Digest& expected, std::string_view bytes, const std::string& what,
                      std::string_view who) {
  const Digest found = digest_like(expected, bytes);
  if (found == expected) return {};
  return std::unexpected(
      Error(ErrorKind::invalid, fmt::format("{} has the digest {}, but {} {}", what, found.to_string(), who,
                                            expected.to_string()))
          .hint("the registry or a proxy before it changed the content: try again, and do not trust it if "
                "it happens again"));
}

}  // namespace

RegistryClient::RegistryClient(HttpTransport& transport, RegistryEndpoint endpoint, std::string repository,
                               CredentialsLookup lookup, ExchangeSettings settings)
    : m_connection(transport, std::move(endpoint), std::move(repository), std::move(lookup),
                   std::move(settings)) {}

std::string RegistryClient::name_of(const ManifestName& manifest) const {
  return manifest.digest ? fmt::format("{}@{}", name(), manifest.digest->to_string())
                         : fmt::format("{}:{}", name(), printable(manifest.tag, 200));
}

Result<RawManifest> RegistryClient::get_manifest(const ManifestName& manifest, const CancelToken* cancel) {
  const std::string what = fmt::format("the manifest of '{}'", name_of(manifest));
  const RegistryCall call{.url = m_connection.url("manifests/" + percent_encode(manifest.to_string())),
                          .headers = {{"Accept", k_accept}}};
  FollowedResponse answer =
      TRY_WHILE(m_connection.send_with_retry(call, k_manifest_limit, cancel), "reading {}", what);
  if (answer.response.status != 200)
    return std::unexpected(m_connection.refusal(answer, "cannot read " + what));
  std::string bytes = TRY(read_body(answer.response, k_manifest_limit, what));
  if (manifest.digest) TRY(check_digest(*manifest.digest, bytes, what, "was asked for by"));
  if (const auto named = named_digest(answer.response))
    TRY(check_digest(*named, bytes, what, "the registry calls it"));
  RawManifest raw = TRY(RawManifest::from_bytes(std::move(bytes), content_type(answer.response), what));
  if (manifest.digest) raw.digest = *manifest.digest;
  return raw;
}

Result<std::optional<Descriptor>> RegistryClient::head_manifest(const ManifestName& manifest,
                                                                const CancelToken* cancel) {
  const std::string what = fmt::format("the manifest of '{}'", name_of(manifest));
  const RegistryCall call{.method = "HEAD",
                          .url = m_connection.url("manifests/" + percent_encode(manifest.to_string())),
                          .headers = {{"Accept", k_accept}}};
  FollowedResponse answer =
      TRY_WHILE(m_connection.send_with_retry(call, std::nullopt, cancel), "looking for {}", what);
  if (answer.response.status == 404) return std::nullopt;
  if (answer.response.status != 200)
    return std::unexpected(m_connection.refusal(answer, "cannot look for " + what));
  const std::optional<Digest> named = named_digest(answer.response);
  if (manifest.digest && named && *named != *manifest.digest &&
      named->algorithm() == manifest.digest->algorithm())
    return fail(ErrorKind::invalid, "the registry answers with {} for {}", named->to_string(), what);
  Descriptor descriptor{.media_type = content_type(answer.response)};
  if (manifest.digest)
    descriptor.digest = *manifest.digest;
  else if (named)
    descriptor.digest = *named;
  const Result<std::uint64_t> size = parse_unsigned(answer.response.header("Content-Length"));
  // Without digest or length (some proxies drop them) the manifest itself tells.
  if (descriptor.digest.empty() || !size || *size > k_manifest_limit)
    return TRY(get_manifest(manifest, cancel)).descriptor();
  descriptor.size = *size;
  return descriptor;
}

Result<> RegistryClient::put_manifest(const RawManifest& manifest, const ManifestName& name,
                                      const CancelToken* cancel) {
  const std::string what = fmt::format("the manifest of '{}'", name_of(name));
  const RegistryCall call{.method = "PUT",
                          .url = m_connection.url("manifests/" + percent_encode(name.to_string())),
                          .headers = {{"Content-Type", manifest.media_type}},
                          .access = Access::push,
                          .body = [&]() -> Result<std::unique_ptr<Source>> {
                            return std::make_unique<MemorySource>(manifest.bytes);
                          },
                          .body_size = manifest.bytes.size()};
  FollowedResponse answer =
      TRY_WHILE(m_connection.send_with_retry(call, k_error_body_limit, cancel), "writing {}", what);
  if (answer.response.status != 201 && answer.response.status != 200 && answer.response.status != 202)
    return std::unexpected(m_connection.refusal(answer, "cannot write " + what));
  if (const auto named = named_digest(answer.response))
    TRY(check_digest(*named, manifest.bytes, what, "the registry stored"));
  if (answer.response.header("OCI-Subject").empty()) return add_to_referrers_tag(manifest, cancel);
  return {};
}

Result<> RegistryClient::delete_manifest(const ManifestName& manifest, const CancelToken* cancel) {
  const std::string what = fmt::format("the manifest of '{}'", name_of(manifest));
  const RegistryCall call{.method = "DELETE",
                          .url = m_connection.url("manifests/" + percent_encode(manifest.to_string())),
                          .access = Access::remove};
  FollowedResponse answer =
      TRY_WHILE(m_connection.send_with_retry(call, k_error_body_limit, cancel), "deleting {}", what);
  if (answer.response.status == 202 || answer.response.status == 200 || answer.response.status == 204)
    return {};
  Error refused = m_connection.refusal(answer, "cannot delete " + what);
  if (refused.kind() != ErrorKind::unsupported) return std::unexpected(std::move(refused));
  return std::unexpected(
      Error(ErrorKind::unsupported, fmt::format("{} does not let images be deleted, so '{}' stays",
                                                endpoint().registry, name_of(manifest)))
          .hint("its owner can allow it (docker's registry: "
                "REGISTRY_STORAGE_DELETE_ENABLED=true), or delete the image by the "
                "registry's own means"));
}

}  // namespace ecrin::oci

// RegistryClient: the verbs of the distribution-spec for one repository at one endpoint. Safe from any
// thread. Errors that pass are tried again inside; what comes out is final, in words, with a hint.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oci/image_destination.hpp"
#include "oci/image_manifest.hpp"
#include "oci/reference.hpp"
#include "oci/registry/connection.hpp"

namespace ecrin::oci {

/// How a manifest is asked for: by its digest when there is one, else by its tag.
struct ManifestName {
  std::string tag;
  std::optional<Digest> digest;
  static ManifestName of(const Reference& reference) { return {reference.tag, reference.digest}; }
  std::string to_string() const { return digest ? digest->to_string() : tag; }
};

class RegistryClient {
public:
  /// `transport` must outlive it and the sources that it opens; so must the client.
  RegistryClient(HttpTransport& transport, RegistryEndpoint endpoint, std::string repository,
                 CredentialsLookup lookup, ExchangeSettings settings = {});

  std::string name() const { return m_connection.name(); }  // "docker.io/library/debian"
  std::string name_of(const ManifestName& manifest) const;  // with ":tag" or "@digest"
  const RegistryEndpoint& endpoint() const { return m_connection.endpoint(); }
  const std::string& repository() const { return m_connection.repository(); }

  // ---- manifests (client.cpp) ----
  /// Manifest or index, at most k_manifest_limit bytes; its digest is the one asked for and the one that the
  /// registry names.
  Result<RawManifest> get_manifest(const ManifestName& manifest, const CancelToken* cancel);
  /// Media type, digest and size as the registry says; none: it has no such manifest.
  Result<std::optional<Descriptor>> head_manifest(const ManifestName& manifest, const CancelToken* cancel);
  /// One with a subject is entered into the referrers tag where the registry does not do that by itself.
  Result<> put_manifest(const RawManifest& manifest, const ManifestName& name, const CancelToken* cancel);
  /// By tag only the tag goes; not every registry can.
  Result<> delete_manifest(const ManifestName& manifest, const CancelToken* cancel);

  // ---- lists (client_lists.cpp) ----
  Result<std::vector<std::string>> list_tags(const CancelToken* cancel);
  /// What refers to `subject`, of all types or of one. By the API, or by the tag that stands in for it.
  Result<std::vector<Descriptor>> list_referrers(const Digest& subject, const std::string& artifact_type,
                                                 const CancelToken* cancel);

  // ---- blobs (client_blobs.cpp, blob_download.cpp, blob_upload.cpp) ----
  /// The blob's `size` bytes from `offset` on. A connection that breaks is made again for the rest of them,
  /// while the source is read. Bytes that are too many or too few are an error; the digest is not checked.
  Result<std::unique_ptr<Source>> open_blob(const Digest& digest, std::uint64_t size, std::uint64_t offset,
                                            const CancelToken* cancel);
  /// With Access::push for those who will write what is not there: a registry may hide from mere readers that
  /// a repository does not exist yet, and one token does for all.
  Result<Presence> has_blob(const Digest& digest, const CancelToken* cancel, Access access = Access::pull);
  /// Takes it over from another repository of the registry, when that can be.
  Result<Presence> mount_blob(const Digest& digest, const std::string& from_repository,
                              const CancelToken* cancel);
  /// In one piece, or in chunks when the size is not known or the registry wants them. After a cut only what
  /// the registry lacks is sent again. A failed upload is cancelled at the registry.
  Result<> upload_blob(const Digest& digest, std::optional<std::uint64_t> size, const BlobOpener& open,
                       const CancelToken* cancel);

private:
  Result<std::vector<Descriptor>> referrers_by_tag(const Digest& subject, const CancelToken* cancel);
  Result<> add_to_referrers_tag(const RawManifest& manifest, const CancelToken* cancel);
  RegistryConnection m_connection;
};

/// The tag that lists the referrers of a digest where the registry has no API for it.
std::string referrers_tag(const Digest& subject);

}  // namespace ecrin::oci

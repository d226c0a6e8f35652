// Blobs: what is asked about them in one request. Their bytes move in blob_source.cpp and blob_upload.cpp.
#include "base/log.hpp"
#include "oci/registry/blob_source.hpp"
#include "oci/registry/blob_upload.hpp"
#include "oci/registry/client.hpp"
#include "oci/registry/query.hpp"

namespace ecrin::oci {

Result<std::unique_ptr<Source>> RegistryClient::open_blob(const Digest& digest, std::uint64_t size,
                                                          std::uint64_t offset, const CancelToken* cancel) {
  return TRY(BlobSource::open(m_connection, digest, size, offset, cancel));
}

Result<Presence> RegistryClient::has_blob(const Digest& digest, const CancelToken* cancel, Access access) {
  const std::string what = fmt::format("the blob {} of '{}'", digest.to_string(), name());
  const RegistryCall call{
      .method = "HEAD", .url = m_connection.url("blobs/" + digest.to_string()), .access = access};
  FollowedResponse answer =
      TRY_WHILE(m_connection.send_with_retry(call, std::nullopt, cancel), "looking for {}", what);
  if (answer.response.status == 200) return Presence::present;
  if (answer.response.status == 404) return Presence::absent;
  return std::unexpected(m_connection.refusal(answer, "cannot look for " + what));
}

Result<Presence> RegistryClient::mount_blob(const Digest& digest, const std::string& from_repository,
                                            const CancelToken* cancel) {
  const RegistryCall call{.method = "POST",
                          .url = with_parameters(m_connection.url("blobs/uploads/"),
                                                 {{"mount", digest.to_string()}, {"from", from_repository}}),
                          .access = Access::push,
                          .also_pull = from_repository,
                          .body_size = 0};
  FollowedResponse answer = TRY_WHILE(m_connection.send_with_retry(call, k_error_body_limit, cancel),
                                      "mounting the blob {} into '{}'", digest.to_string(), name());
  if (answer.response.status == 201) return Presence::present;
  // 202 is the session of an ordinary upload, which we do not start here. All other answers mean no as well:
  // whatever is wrong, the upload itself says it better.
  const std::string location = answer.response.header("Location");
  if (answer.response.status == 202 && !location.empty()) {
    const std::string session = TRY(m_connection.resolve(answer.url, location));
    const auto ended =
        m_connection.send({.method = "DELETE", .url = session, .access = Access::remove}, cancel);
    if (!ended) log::debug("cannot cancel an upload to '{}': {}", name(), ended.error().message());
  }
  return Presence::absent;
}

Result<> RegistryClient::upload_blob(const Digest& digest, std::optional<std::uint64_t> size,
                                     const BlobOpener& open, const CancelToken* cancel) {
  return BlobUpload(m_connection, digest, size, open, cancel).run();
}

}  // namespace ecrin::oci

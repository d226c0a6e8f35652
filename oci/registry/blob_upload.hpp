// BlobUpload: one blob on its way into a registry, with the session that the registry opened for it. Internal
// to oci/registry.
#pragma once

#include <optional>
#include <string>

#include "oci/image_destination.hpp"
#include "oci/registry/connection.hpp"

namespace ecrin::oci {

class BlobUpload {
public:
  BlobUpload(RegistryConnection& connection, const Digest& digest, std::optional<std::uint64_t> size,
             const BlobOpener& open, const CancelToken* cancel);

  /// To the end, through several sessions if need be.
  Result<> run();

private:
  Result<> attempt();
  Result<> start();
  Result<> find_progress();
  Result<> put_whole();
  Result<> send_rest();
  Result<> send_chunk(std::uint64_t size, const std::function<Result<std::unique_ptr<Source>>()>& body);
  Result<> send_unknown_rest();
  Result<> finish();
  void give_up_session();

  Result<FollowedResponse> send(const RegistryCall& call);
  Result<> take_location(FollowedResponse& answer);
  std::unexpected<Error> refused(FollowedResponse& answer);
  Result<std::unique_ptr<Source>> slice(std::uint64_t offset, std::uint64_t size);

  RegistryConnection& m_connection;
  Digest m_digest;
  std::optional<std::uint64_t> m_size;
  const BlobOpener& m_open;
  const CancelToken* m_cancel;
  std::string m_what;

  std::string m_session;         // its URL; "" = none
  std::uint64_t m_offset = 0;    // the registry has so many bytes
  std::uint64_t m_chunk = 0;     // smallest chunk that the registry wants; 0 = it does not say
  bool m_finished = false;       // the registry has the blob
  bool m_source_failed = false;  // the last error is one of our own side
  bool m_token_failed = false;   // or of the token service, which was tried several times
  std::optional<std::chrono::seconds> m_retry_after;
};

}  // namespace ecrin::oci

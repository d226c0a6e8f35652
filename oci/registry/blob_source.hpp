// BlobSource: a registry's blob as one stream that survives its connections. Internal to oci/registry.
#pragma once

#include <memory>

#include "oci/digest.hpp"
#include "oci/registry/connection.hpp"

namespace ecrin::oci {

class BlobSource final : public Source {
public:
  /// Asks for the blob, so that what is not there is known at once.
  static Result<std::unique_ptr<BlobSource>> open(RegistryConnection& connection, const Digest& digest,
                                                  std::uint64_t size, std::uint64_t offset,
                                                  const CancelToken* cancel);
  Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
  BlobSource(RegistryConnection& connection, const Digest& digest, std::uint64_t size, std::uint64_t offset,
             const CancelToken* cancel);
  Result<> connect();
  Result<> check_place(FollowedResponse& answer);
  Result<> skip(std::uint64_t count);
  Result<> recover(Error cause);
  Result<std::size_t> check_end();

  RegistryConnection& m_connection;
  Digest m_digest;
  std::uint64_t m_size;
  std::uint64_t m_position;
  const CancelToken* m_cancel;
  std::string m_what;
  std::unique_ptr<Source> m_body;
  int m_failures = 0;              // since the last one that brought something
  std::uint64_t m_counted_at = 0;  // position when a failure was counted last
};

}  // namespace ecrin::oci

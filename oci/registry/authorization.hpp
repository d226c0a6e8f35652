// Authorization: the Authorization headers for one repository at one endpoint. It learns from the registry's
// first challenge, keeps tokens until they end, and is safe from any thread.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "oci/registry/token.hpp"

namespace ecrin::oci {

class Authorization {
public:
  /// `transport` must outlive it. `repository` is the path by which credentials are looked up.
  Authorization(HttpTransport& transport, RegistryEndpoint endpoint, std::string repository,
                CredentialsLookup lookup, ExchangeSettings settings);

  /// The header for a request that needs `scopes`; "" while no challenge is known. May ask the token service.
  Result<std::string> header(const std::vector<std::string>& scopes, const CancelToken* cancel);

  /// After a 401 of the registry to a request with `refused` as its header: another header to try once more
  /// with, or ErrorKind::denied when there is none.
  Result<std::string> answer(const std::vector<Challenge>& challenges, const std::vector<std::string>& scopes,
                             const std::string& refused, const CancelToken* cancel);

private:
  Result<std::string> bearer(std::vector<std::string> scopes, const std::string& key,
                             const CancelToken* cancel);
  Result<std::string> basic(const std::string& refused);
  Result<> look_up_credentials();
  std::unexpected<Error> denied(const std::string& why) const;

  HttpTransport& m_transport;
  RegistryEndpoint m_endpoint;
  std::string m_repository;
  CredentialsLookup m_lookup;
  ExchangeSettings m_settings;
  std::mutex m_mutex;  // held while a token is fetched: the others want the same one
  bool m_looked_up = false;
  std::optional<Credentials> m_credentials;
  std::optional<Challenge> m_challenge;
  std::map<std::string, Token> m_tokens;  // by the scopes that were asked for
};

}  // namespace ecrin::oci

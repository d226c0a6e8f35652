// Bearer tokens: what a registry's token service gives for credentials, or for nobody (docker's token
// authentication and OAuth2, as the distribution project describes them).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oci/registry/challenge.hpp"
#include "oci/registry/credentials_value.hpp"
#include "oci/registry/endpoint.hpp"
#include "oci/registry/exchange.hpp"

namespace ecrin::oci {

struct Token {
  Secret value;
  std::int64_t valid_until = 0;  // seconds since 1970, a little before it really ends
};

/// Asks the service that a bearer challenge names, for these scopes ("repository:NAME:pull,push"). With an
/// identity token it is a POST, else a GET. Credentials leave only under encryption; without it only when the
/// registry itself has none and the service is on the registry's own host.
Result<Token> fetch_token(HttpTransport& transport, const RegistryEndpoint& endpoint,
                          const Challenge& challenge, const std::vector<std::string>& scopes,
                          const std::optional<Credentials>& credentials, const ExchangeSettings& settings,
                          const CancelToken* cancel);

/// The value of an Authorization header.
std::string basic_authorization(const Credentials& credentials);

}  // namespace ecrin::oci

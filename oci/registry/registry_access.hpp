// RegistryAccess: all that this user and this machine say about registries, as one value: credentials,
// registries.conf, certificates, whether servers are verified, how often is tried again. cli/ makes it from
// flags and environment; whoever talks to a registry starts from it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oci/registry/certificates.hpp"
#include "oci/registry/credentials.hpp"
#include "oci/registry/endpoint.hpp"
#include "oci/registry/exchange.hpp"
#include "oci/registry/image_endpoints.hpp"

namespace ecrin::oci {

/// --tls-verify: on and off are for all registries; as_configured leaves it to registries.conf.
enum class TlsVerify { as_configured, on, off };

struct RegistryAccess {
  RegistriesConf registries;
  CredentialStore credentials;
  std::optional<Credentials> given;  // --creds: instead of all that is stored
  CertificatePlaces certificates;
  TlsVerify verify = TlsVerify::as_configured;
  ExchangeSettings exchange;

  /// For clients.
  CredentialsLookup lookup() const;
  /// Where an image is pulled from, in the order of trying, with `verify` applied.
  Result<std::vector<Endpoint>> pull_endpoints(const Reference& reference) const;
  Result<Endpoint> push_endpoint(const Reference& reference) const;
  /// A registry as a whole: for a login.
  Result<Endpoint> registry_endpoint(const std::string& registry) const;

  /// The server behind an endpoint, ready to be asked. An insecure one is asked here whether it speaks https
  /// (without verification then) or plain http; others are always https.
  Result<RegistryEndpoint> connect(HttpTransport& transport, const Endpoint& endpoint,
                                   const CancelToken* cancel) const;
};

}  // namespace ecrin::oci

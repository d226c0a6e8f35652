#include "oci/registry/registry_access.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::oci {
namespace {

void apply(TlsVerify verify, Endpoint& endpoint) {
  if (verify != TlsVerify::as_configured) endpoint.insecure = verify == TlsVerify::off;
}

// Any answer at all will do: only the scheme is of interest.
Result<> ask(HttpTransport& transport, const RegistryEndpoint& server, const CancelToken* cancel) {
  HttpRequest request{.url = server.url + "/v2/", .headers = {}, .tls = server.tls};
  // A server that does not know TLS may wait for the rest of what it takes for a request.
  request.connect_seconds = 10;
  TRY(transport.send(request, cancel));
  return {};
}

}  // namespace

CredentialsLookup RegistryAccess::lookup() const {
  if (!given) return credentials.lookup();
  return [credentials = given](const std::string&, const std::string&) -> Result<std::optional<Credentials>> {
    return credentials;
  };
}

Result<std::vector<Endpoint>> RegistryAccess::pull_endpoints(const Reference& reference) const {
  auto endpoints = TRY(oci::pull_endpoints(registries, reference));
  for (Endpoint& endpoint : endpoints) apply(verify, endpoint);
  return endpoints;
}

Result<Endpoint> RegistryAccess::push_endpoint(const Reference& reference) const {
  Endpoint endpoint = TRY(oci::push_endpoint(registries, reference));
  apply(verify, endpoint);
  return endpoint;
}

Result<Endpoint> RegistryAccess::registry_endpoint(const std::string& registry) const {
  // A repository that nobody has: rules for the registry itself apply to it, those for a part of it do not.
  return push_endpoint(
      {.registry = registry, .repository = "ecrin.invalid/login", .tag = {}, .digest = std::nullopt});
}

Result<RegistryEndpoint> RegistryAccess::connect(HttpTransport& transport, const Endpoint& endpoint,
                                                 const CancelToken* cancel) const {
  RegistryEndpoint server;
  server.registry = endpoint.reference.registry;
  server.url = "https://" + endpoint.host;
  server.tls = TRY(find_certificates(certificates, server.registry));
  server.tls.verify = !endpoint.insecure;
  if (!endpoint.insecure) return server;

  RegistryEndpoint plain{.url = "http://" + endpoint.host, .registry = server.registry, .tls = {}};
  const auto attempt = [&]() -> Result<std::string> {
    auto encrypted = ask(transport, server, cancel);
    if (encrypted) return server.url;
    if (encrypted.error().kind() != ErrorKind::network) return std::unexpected(std::move(encrypted).error());
    log::debug("{} does not speak https: {}", server.registry, encrypted.error().message());
    TRY(ask(transport, plain, cancel));
    return plain.url;
  };
  for (int tries = 1;; ++tries) {
    auto url = attempt();
    if (url) return *url == server.url ? server : plain;
    const auto wait = is_transient(url.error())
                          ? wait_before_retry(exchange.retry, tries, std::nullopt, exchange.clock.random())
                          : std::nullopt;
    if (!wait) {
      return std::unexpected(
          std::move(url).error().context(fmt::format("asking {} by https and by http", endpoint.host)));
    }
    TRY(exchange.clock.sleep(*wait, cancel));
  }
}

}  // namespace ecrin::oci

#include "oci/registry/login.hpp"

#include "oci/registry/authorization.hpp"
#include "oci/registry/challenge.hpp"

namespace ecrin::oci {
namespace {

std::unexpected<Error> refused(const std::string& registry, const std::string& why) {
  return std::unexpected(
      Error(ErrorKind::denied, fmt::format("cannot log in to {}: {}", registry, why))
          .hint("some registries want a token from their web page instead of the password"));
}

}  // namespace

Result<> check_credentials(HttpTransport& transport, const RegistryAccess& access, const CredentialKey& key,
                           const Credentials& credentials, const CancelToken* cancel) {
  const Endpoint endpoint = TRY(access.registry_endpoint(key.registry));
  const RegistryEndpoint server = TRY(access.connect(transport, endpoint, cancel));
  const std::string what = fmt::format("the answer of {}", key.registry);
  const auto ask = [&](const std::string& authorization) -> Result<HttpResponse> {
    HttpRequest request{.url = server.url + "/v2/", .headers = {}, .tls = server.tls};
    if (!authorization.empty()) request.headers.push_back({"Authorization", authorization});
    auto response = with_body(TRY(transport.send(request, cancel)), k_error_body_limit, what);
    if (!authorization.empty()) wipe(request.headers.back().value);
    return response;
  };
  const auto try_ask = [&](const std::string& authorization) {
    return send_with_retry(
        access.exchange, [&] { return ask(authorization); }, cancel);
  };
  HttpResponse response = TRY_WHILE(try_ask(""), "logging in to {}", key.registry);
  if (response.status == 401) {
    // Tokens are asked for without a scope: who the user is is all that counts here.
    Authorization authorization(
        transport, server, key.path,
        [&](const std::string&, const std::string&) -> Result<std::optional<Credentials>> {
          return credentials;
        },
        access.exchange);
    auto header =
        authorization.answer(parse_challenges(response.header_values("WWW-Authenticate")), {}, "", cancel);
    if (!header && header.error().kind() == ErrorKind::denied)
      return refused(key.registry, header.error().message());
    if (!header) return std::unexpected(std::move(header).error());
    response = TRY_WHILE(try_ask(*header), "logging in to {}", key.registry);
    wipe(*header);
    if (response.status == 401 || response.status == 403)
      return refused(key.registry, "it does not accept the user name and the password");
  }
  if (response.status / 100 == 2) return {};
  return std::unexpected(
      refusal(response, {fmt::format("cannot log in to {}", key.registry), key.registry, ""}));
}

}  // namespace ecrin::oci

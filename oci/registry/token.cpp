#include "oci/registry/token.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "oci/registry/query.hpp"
#include "oci/registry/url.hpp"

namespace ecrin::oci {

namespace {

constexpr std::uint64_t k_answer_limit = 1u << 20;  // bytes
constexpr std::size_t k_token_limit = 64 * 1024;
constexpr std::uint64_t k_default_lifetime = 60;  // seconds, what a service means that does not say
constexpr std::uint64_t k_longest_lifetime = 24 * 3600;

struct Service {
  Url url;
  TlsSettings tls;
};

// The realm is chosen by whoever answered. Over https that was the registry, which may see its own users'
// credentials anyhow; over http it may have been anybody on the way, so nothing goes to a third host.
Result<Service> find_service(const RegistryEndpoint& endpoint, const Challenge& challenge,
                             const std::optional<Credentials>& credentials) {
  Result<Url> realm = parse_url(challenge.parameter("realm"));
  if (!realm)
    return fail(ErrorKind::invalid, "{} names no usable token service: {}", endpoint.registry,
                realm.error().message());
  const Url registry = TRY(parse_url(endpoint.url));
  if (credentials && realm->scheme == "http" && (registry.scheme == "https" || registry.host != realm->host))
    return std::unexpected(
        Error(ErrorKind::denied, fmt::format("{} wants the credentials sent to '{}' without encryption",
                                             endpoint.registry, display_url(realm->text)))
            .hint(
                fmt::format("log out with 'ecrin logout {}' when the image is public; else the registry must "
                            "name a token service with https",
                            endpoint.registry)));
  Service service{.url = std::move(*realm), .tls = endpoint.tls};
  if (!service.url.same_origin(registry)) service.tls.certificate = service.tls.key = "";
  return service;
}

// A token goes into a header: nothing that could end the line, no blanks.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= k_token_limit &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Result<Token> parse_token(const std::string& body, const std::string& what, std::int64_t asked_at) {
  const Json json = TRY(parse_json(body, what));
  if (!json.is_object()) return fail(ErrorKind::invalid, "{} is not an object", what);
  std::string value = TRY(json_string(json, "token", what)).value_or("");
  if (value.empty()) value = TRY(json_string(json, "access_token", what)).value_or("");
  if (!is_token(value)) return fail(ErrorKind::invalid, "{} has no usable token", what);
  Token token{.value = Secret(value)};
  const Result<std::optional<std::uint64_t>> given = json_unsigned(json, "expires_in", what);
  std::uint64_t lifetime = given && *given ? **given : k_default_lifetime;
  lifetime = std::min(lifetime, k_longest_lifetime);
  // Renewed a little early, so that it does not end on its way.
  token.valid_until =
      asked_at + static_cast<std::int64_t>(lifetime - std::min<std::uint64_t>(lifetime / 10, 10));
  return token;
}

HttpRequest make_get(const Service& service, const Challenge& challenge,
                     const std::vector<std::string>& scopes, const std::optional<Credentials>& credentials) {
  Parameters parameters;
  if (credentials && !credentials->username.empty())
    parameters.emplace_back("account", credentials->username);
  if (!challenge.parameter("service").empty())
    parameters.emplace_back("service", challenge.parameter("service"));
  for (const std::string& scope : scopes) parameters.emplace_back("scope", scope);
  HttpRequest request{.url = with_parameters(service.url.text, parameters), .tls = service.tls};
  if (credentials) request.headers.push_back({"Authorization", basic_authorization(*credentials)});
  return request;
}

std::string identity_form(const Challenge& challenge, const std::vector<std::string>& scopes,
                          const Secret& identity_token) {
  return encode_parameters({{"grant_type", "refresh_token"},
                            {"service", challenge.parameter("service")},
                            {"client_id", "ecrin"},
                            {"scope", join(scopes, " ")},
                            {"refresh_token", std::string(identity_token.reveal())}});
}

HttpRequest make_post(const Service& service, std::size_t size) {
  HttpRequest request{.method = "POST", .url = service.url.text, .tls = service.tls};
  request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  request.body_size = size;
  return request;
}

}  // namespace

std::string basic_authorization(const Credentials& credentials) {
  std::string plain = fmt::format("{}:{}", credentials.username, credentials.password.reveal());
  std::string header = "Basic " + encode_base64(plain);
  wipe(plain);
  return header;
}

Result<Token> fetch_token(HttpTransport& transport, const RegistryEndpoint& endpoint,
                          const Challenge& challenge, const std::vector<std::string>& scopes,
                          const std::optional<Credentials>& credentials, const ExchangeSettings& settings,
                          const CancelToken* cancel) {
  const Service service = TRY(find_service(endpoint, challenge, credentials));
  const std::string name = display_url(service.url.text);
  const std::string what = fmt::format("the answer of the token service '{}'", name);
  const std::int64_t asked_at = settings.clock.now();
  const bool with_identity = credentials && !credentials->identity_token.empty();
  const Secret fields(with_identity ? identity_form(challenge, scopes, credentials->identity_token) : "");
  const auto attempt = [&]() -> Result<HttpResponse> {
    MemorySource body{std::string(fields.reveal())};
    HttpRequest request = with_identity ? make_post(service, fields.reveal().size())
                                        : make_get(service, challenge, scopes, credentials);
    if (with_identity) request.body = &body;
    // No redirect is followed: a token service answers itself, or it is not the one to have the credentials.
    return with_body(TRY(transport.send(request, cancel)), k_answer_limit, what);
  };
  HttpResponse response = TRY_WHILE(send_with_retry(settings, attempt, cancel),
                                    "asking '{}' for access to {}", name, endpoint.registry);
  if (response.status == 200)
    return parse_token(TRY(read_body(response, k_answer_limit, what)), what, asked_at);
  if (credentials && (response.status == 401 || response.status == 400 || response.status == 403)) {
    Error error = refusal(
        response,
        {fmt::format("{} does not accept the stored credentials", endpoint.registry), endpoint.registry, ""});
    return std::unexpected(Error(ErrorKind::denied, error.message())
                               .hint(fmt::format("log in again with 'ecrin login {}'", endpoint.registry)));
  }
  return std::unexpected(refusal(
      response,
      {fmt::format("cannot get access to {} from '{}'", endpoint.registry, name), endpoint.registry, ""}));
}

}  // namespace ecrin::oci

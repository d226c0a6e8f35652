#include "oci/registry/connection.hpp"

#include <algorithm>

#include "base/secret.hpp"
#include "base/text.hpp"
#include "oci/registry/url.hpp"

namespace ecrin::oci {

namespace {

std::string_view actions(Access access) {
  switch (access) {
    case Access::pull:
      return "pull";
    case Access::push:
      return "pull,push";
    case Access::remove:
      return "pull,push,delete";
  }
  return "";
}

std::vector<std::string> scopes_of(const std::string& repository, const RegistryCall& call) {
  std::vector<std::string> scopes = {fmt::format("repository:{}:{}", repository, actions(call.access))};
  if (!call.also_pull.empty()) scopes.push_back(fmt::format("repository:{}:pull", call.also_pull));
  return scopes;
}

}  // namespace

RegistryConnection::RegistryConnection(HttpTransport& transport, RegistryEndpoint endpoint,
                                       std::string repository, CredentialsLookup lookup,
                                       ExchangeSettings settings)
    : m_transport(transport),
      m_endpoint(std::move(endpoint)),
      m_repository(std::move(repository)),
      m_settings(std::move(settings)),
      m_authorization(transport, m_endpoint, m_repository, std::move(lookup), m_settings) {}

std::string RegistryConnection::name() const {
  return m_endpoint.registry + "/" + m_repository;
}

std::string RegistryConnection::url(const std::string& rest) const {
  return fmt::format("{}/v2/{}/{}", m_endpoint.url, m_repository, rest);
}

Result<std::string> RegistryConnection::resolve(const std::string& base, const std::string& reference) const {
  const Url from = TRY(parse_url(base));
  Url target = TRY_WHILE(resolve_url(from, reference), "following what {} answers", m_endpoint.registry);
  if (from.scheme == "https" && target.scheme != "https")
    return fail(ErrorKind::denied, "{} leads from https to http ('{}')", m_endpoint.registry,
                display_url(target.text));
  return std::move(target.text);
}

bool RegistryConnection::is_own(const std::string& url) const {
  const Result<Url> own = parse_url(m_endpoint.url);
  const Result<Url> other = parse_url(url);
  return own && other && own->same_origin(*other);
}

Result<FollowedResponse> RegistryConnection::send_once(const RegistryCall& call,
                                                       const std::string& authorization,
                                                       const CancelToken* cancel) {
  HttpRequest request{.method = call.method,
                      .url = call.url,
                      .headers = call.headers,
                      .body_size = call.body_size,
                      .tls = m_endpoint.tls,
                      .connect_seconds = std::min(30, call.stall_seconds),
                      .stall_seconds = call.stall_seconds};
  if (!authorization.empty()) request.headers.push_back({"Authorization", authorization});
  if (!is_own(call.url)) request.tls.certificate = request.tls.key = "";
  RedirectPolicy policy;
  policy.body = call.body;
  Result<FollowedResponse> answer = send_following(m_transport, request, policy, cancel);
  if (!authorization.empty()) wipe(request.headers.back().value);
  return answer;
}

Result<FollowedResponse> RegistryConnection::send_authorized(const RegistryCall& call, bool& token_failed,
                                                             const CancelToken* cancel) {
  if (!is_own(call.url)) return send_once(call, "", cancel);
  const std::vector<std::string> scopes = scopes_of(m_repository, call);
  Result<std::string> authorization = m_authorization.header(scopes, cancel);
  token_failed = !authorization;
  if (!authorization) return std::unexpected(std::move(authorization).error());
  FollowedResponse answer = TRY(send_once(call, *authorization, cancel));
  // Only the registry itself may ask for its users' credentials, not who it redirects to.
  if (answer.response.status != 401 || !is_own(answer.url)) return answer;
  const auto challenges = parse_challenges(answer.response.header_values("WWW-Authenticate"));
  answer.response.body.reset();
  authorization = m_authorization.answer(challenges, scopes, *authorization, cancel);
  token_failed = !authorization;
  if (!authorization) return std::unexpected(std::move(authorization).error());
  answer = TRY(send_once(call, *authorization, cancel));
  // A password that is wrong can be told from a right that is missing; a token cannot.
  if (answer.response.status == 401 && is_own(answer.url) && authorization->starts_with("Basic "))
    authorization = m_authorization.answer(
        parse_challenges(answer.response.header_values("WWW-Authenticate")), scopes, *authorization, cancel);
  if (!authorization) return std::unexpected(std::move(authorization).error());
  return answer;
}

Result<FollowedResponse> RegistryConnection::send(const RegistryCall& call, const CancelToken* cancel,
                                                  bool* token_failed) {
  bool failed = false;
  auto answer = send_authorized(call, failed, cancel);
  if (token_failed) *token_failed = failed;
  return answer;
}

Result<FollowedResponse> RegistryConnection::send_with_retry(const RegistryCall& call,
                                                             std::optional<std::uint64_t> document_limit,
                                                             const CancelToken* cancel) {
  bool token_failed = false;
  std::string from;
  const auto attempt = [&]() -> Result<HttpResponse> {
    FollowedResponse answer = TRY(send_authorized(call, token_failed, cancel));
    from = answer.url;
    if (!document_limit) return std::move(answer.response);
    return with_body(std::move(answer.response), *document_limit,
                     fmt::format("the answer of '{}'", display_url(call.url)));
  };
  // The token service was tried several times already when it fails.
  const auto passing = [&](const Error& error) { return !token_failed && is_transient(error); };
  HttpResponse response = TRY(oci::send_with_retry(m_settings, attempt, cancel, passing));
  return FollowedResponse{.response = std::move(response), .url = std::move(from)};
}

Error RegistryConnection::refusal(FollowedResponse& answer, const std::string& action) const {
  return oci::refusal(answer.response, {action, m_endpoint.registry, m_repository});
}

}  // namespace ecrin::oci

#include "oci/registry/authorization.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_scope_limit = 16;

const Challenge* find_scheme(const std::vector<Challenge>& challenges, std::string_view scheme) {
  const auto found = std::find_if(challenges.begin(), challenges.end(),
                                  [&](const Challenge& one) { return one.scheme == scheme; });
  return found == challenges.end() ? nullptr : &*found;
}

std::string bearer_header(const Token& token) {
  return fmt::format("Bearer {}", token.value.reveal());
}

// What the registry says it needs is asked for as well: it may want more than the spec does.
void add_scopes(std::vector<std::string>& scopes, const std::string& named) {
  for (const std::string& scope : split(named, ' ')) {
    if (scope.empty() || scopes.size() >= k_scope_limit) continue;
    if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) scopes.push_back(scope);
  }
}

}  // namespace

Authorization::Authorization(HttpTransport& transport, RegistryEndpoint endpoint, std::string repository,
                             CredentialsLookup lookup, ExchangeSettings settings)
    : m_transport(transport),
      m_endpoint(std::move(endpoint)),
      m_repository(std::move(repository)),
      m_lookup(std::move(lookup)),
      m_settings(std::move(settings)) {}

Result<std::string> Authorization::header(const std::vector<std::string>& scopes, const CancelToken* cancel) {
  const std::lock_guard lock(m_mutex);
  if (!m_challenge) return std::string();
  if (m_challenge->scheme == "basic") return basic("");
  const std::string key = join(scopes, " ");
  const auto found = m_tokens.find(key);
  if (found != m_tokens.end() && m_settings.clock.now() < found->second.valid_until)
    return bearer_header(found->second);
  return bearer(scopes, key, cancel);
}

Result<std::string> Authorization::answer(const std::vector<Challenge>& challenges,
                                          const std::vector<std::string>& scopes, const std::string& refused,
                                          const CancelToken* cancel) {
  const std::lock_guard lock(m_mutex);
  const Challenge* const asks_bearer = find_scheme(challenges, "bearer");
  const Challenge* const asks_basic = find_scheme(challenges, "basic");
  if (!asks_bearer && !asks_basic) {
    if (challenges.empty()) return denied("asks for authentication, but does not say which");
    return denied(fmt::format("asks for authentication by '{}', which is not supported",
                              printable(challenges.front().scheme, 40)));
  }
  m_challenge = asks_bearer ? *asks_bearer : *asks_basic;
  if (!asks_bearer) return basic(refused);
  const std::string key = join(scopes, " ");
  const auto found = m_tokens.find(key);
  // Another thread was here before.
  if (found != m_tokens.end() && bearer_header(found->second) != refused) return bearer_header(found->second);
  std::vector<std::string> wanted = scopes;
  add_scopes(wanted, asks_bearer->parameter("scope"));
  return bearer(std::move(wanted), key, cancel);
}

Result<std::string> Authorization::bearer(std::vector<std::string> scopes, const std::string& key,
                                          const CancelToken* cancel) {
  TRY(look_up_credentials());
  Token token =
      TRY(fetch_token(m_transport, m_endpoint, *m_challenge, scopes, m_credentials, m_settings, cancel));
  std::string header = bearer_header(token);
  m_tokens.insert_or_assign(key, std::move(token));
  return header;
}

Result<std::string> Authorization::basic(const std::string& refused) {
  TRY(look_up_credentials());
  if (!m_credentials) return denied("asks for a user and a password");
  if (m_credentials->password.empty() && !m_credentials->identity_token.empty())
    return denied("asks for a user and a password, but only an identity token is stored");
  std::string header = basic_authorization(*m_credentials);
  if (header == refused) return denied("does not accept the stored credentials");
  return header;
}

Result<> Authorization::look_up_credentials() {
  if (m_looked_up) return {};
  if (m_lookup) m_credentials = TRY(m_lookup(m_endpoint.registry, m_repository));
  m_looked_up = true;
  return {};
}

std::unexpected<Error> Authorization::denied(const std::string& why) const {
  return std::unexpected(Error(ErrorKind::denied, fmt::format("{} {}", m_endpoint.registry, why))
                             .hint(fmt::format("log in with 'ecrin login {}'", m_endpoint.registry)));
}

}  // namespace ecrin::oci

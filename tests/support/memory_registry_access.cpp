// Who may do what in the registry in memory: basic authentication, and tokens with their service.
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/text.hpp"
#include "tests/support/memory_registry.hpp"

namespace ecrin::tests {

using Authentication = MemoryRegistryOptions::Authentication;

std::int64_t MemoryRegistry::now() const {
  if (m_options.now) return m_options.now();
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string MemoryRegistry::realm(const RegistryRequest& request) const {
  if (!m_options.realm.empty()) return m_options.realm;
  return request.scheme + "://" + find_header(request.headers, "Host") + "/token";
}

std::optional<RegistryAnswer> MemoryRegistry::refuse_access(const RegistryRequest& request,
                                                            const std::string& repository) {
  if (m_options.authentication == Authentication::none) return std::nullopt;
  const std::string header = find_header(request.headers, "Authorization");
  RegistryAnswer refused = error_answer(401, "UNAUTHORIZED", "authentication required");
  if (m_options.authentication == Authentication::basic) {
    if (header == "Basic " + encode_base64(m_options.username + ":" + m_options.password))
      return std::nullopt;
    refused.headers.emplace_back("WWW-Authenticate", "Basic realm=\"memory registry\"");
    return refused;
  }
  std::string action = "pull";
  if (request.method == "DELETE") action = "delete";
  if (request.method == "PUT" || request.method == "POST" || request.method == "PATCH") action = "push";
  std::string why;
  const auto token = m_tokens.find(header.starts_with("Bearer ") ? header.substr(7) : "");
  if (token != m_tokens.end()) {
    why = ",error=\"insufficient_scope\"";
    if (now() >= token->second.ends || take(Fault::expired_token, request)) {
      m_tokens.erase(token);
      why = ",error=\"invalid_token\"";
    } else if (repository.empty() || token->second.access.contains(repository + ":" + action)) {
      return std::nullopt;
    }
  }
  std::string challenge = "Bearer realm=\"" + realm(request) + "\",service=\"memory\"";
  if (!repository.empty())
    challenge += ",scope=\"repository:" + repository + ":" + (action == "push" ? "pull,push" : action) + "\"";
  refused.headers.emplace_back("WWW-Authenticate", challenge + why);
  return refused;
}

RegistryAnswer MemoryRegistry::token_service(const RegistryRequest& request) {
  if (request.method == "POST") {
    RegistryRequest form{.target = "?" + request.body};
    if (form.query("grant_type") != "refresh_token" || form.query("service") != "memory")
      return error_answer(400, "UNSUPPORTED", "unsupported grant type or service");
    if (form.query("refresh_token") != m_options.identity_token)
      return error_answer(401, "UNAUTHORIZED", "incorrect identity token");
    return grant(split(form.query("scope").value_or(""), ' '), true);
  }
  const std::string header = find_header(request.headers, "Authorization");
  const bool known = header == "Basic " + encode_base64(m_options.username + ":" + m_options.password);
  if (!header.empty() && !known) return error_answer(401, "UNAUTHORIZED", "incorrect username or password");
  if (!known && !m_options.anonymous_pull)
    return error_answer(401, "UNAUTHORIZED", "authentication required");
  return grant(request.queries("scope"), known);
}

RegistryAnswer MemoryRegistry::grant(const std::vector<std::string>& scopes, bool known_user) {
  GrantedToken granted{.access = {}, .ends = now() + m_options.token_seconds};
  for (const std::string& scope : scopes) {
    const std::vector<std::string> parts = split(scope, ':');  // repository:NAME:pull,push
    if (parts.size() != 3) continue;
    for (const std::string& action : split(parts[2], ','))
      if (known_user || action == "pull") granted.access.insert(parts[1] + ":" + action);
  }
  const std::string token = "token-" + std::to_string(++m_next);
  m_tokens[token] = granted;
  return {.headers = {{"Content-Type", "application/json"}},
          .body = nlohmann::json({{"token", token}, {"expires_in", m_options.token_seconds}}).dump()};
}

}  // namespace ecrin::tests

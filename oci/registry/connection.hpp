// RegistryConnection: requests to one repository at one endpoint, with all that each of them needs:
// authentication, redirects, other tries. What is asked and what the answers mean is the client's affair.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oci/registry/authorization.hpp"
#include "oci/registry/endpoint.hpp"
#include "oci/registry/exchange.hpp"
#include "oci/registry/redirect.hpp"

namespace ecrin::oci {

enum class Access { pull, push, remove };

struct RegistryCall {
  std::string method = "GET";
  std::string url;
  std::vector<HttpHeader> headers;
  Access access = Access::pull;
  std::string also_pull;  // another repository of the registry that must be readable; "" = none
  std::function<Result<std::unique_ptr<Source>>()> body;  // called for each time that it is sent
  std::optional<std::uint64_t> body_size;
  int stall_seconds = 60;
};

class RegistryConnection {
public:
  RegistryConnection(HttpTransport& transport, RegistryEndpoint endpoint, std::string repository,
                     CredentialsLookup lookup, ExchangeSettings settings);

  const RegistryEndpoint& endpoint() const { return m_endpoint; }
  const std::string& repository() const { return m_repository; }
  const ExchangeSettings& settings() const { return m_settings; }
  std::string name() const;  // "docker.io/library/debian"
  /// "https://host/v2/NAME/" + `rest`
  std::string url(const std::string& rest) const;
  /// What a Location or Link header at `base` names; refused when it leaves https.
  Result<std::string> resolve(const std::string& base, const std::string& reference) const;
  /// Is it the endpoint's own: same scheme, host and port?
  bool is_own(const std::string& url) const;

  /// One request. Credentials go to the endpoint only; a 401 from it is answered once. `token_failed`: the
  /// error is that of the token service, which was tried several times already.
  Result<FollowedResponse> send(const RegistryCall& call, const CancelToken* cancel,
                                bool* token_failed = nullptr);
  /// The same, tried again while it fails in passing. With a limit the body is read here, as part of the try.
  Result<FollowedResponse> send_with_retry(const RegistryCall& call,
                                           std::optional<std::uint64_t> document_limit,
                                           const CancelToken* cancel);
  /// The error for an answer that is no success; `action`: "cannot read the tags of 'x'".
  Error refusal(FollowedResponse& answer, const std::string& action) const;

private:
  Result<FollowedResponse> send_once(const RegistryCall& call, const std::string& authorization,
                                     const CancelToken* cancel);
  Result<FollowedResponse> send_authorized(const RegistryCall& call, bool& token_failed,
                                           const CancelToken* cancel);

  HttpTransport& m_transport;
  RegistryEndpoint m_endpoint;
  std::string m_repository;
  ExchangeSettings m_settings;
  Authorization m_authorization;
};

}  // namespace ecrin::oci

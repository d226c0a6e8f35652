// Redirects, followed by hand: libcurl could follow by itself, but neither refuse the way from https to http
// nor take other TLS settings for another host.
#pragma once

#include <functional>
#include <memory>

#include "oci/registry/http.hpp"

namespace ecrin::oci {

struct RedirectPolicy {
  int limit = 10;
  /// Makes the request's body (then `HttpRequest::body` is not looked at). Called once for each server that
  /// gets the body; without it a redirect that wants the body again is an error.
  std::function<Result<std::unique_ptr<Source>>()> body;
  /// The settings for a URL of another host, port or scheme. Without it: the same, but no client certificate.
  std::function<TlsSettings(const std::string& url)> tls;
};

struct FollowedResponse {
  HttpResponse response;
  std::string url;  // where it came from: what a relative Location refers to
};

/// Follows 301, 302, 303, 307 and 308, never from https to http. Authorization and cookies are dropped for
/// good when host, port or scheme differ. As in browsers, 303 makes everything but HEAD a GET, 301 and 302 a
/// POST only; the others keep method and body. A redirect that names no place is returned as it is.
Result<FollowedResponse> send_following(HttpTransport& transport, const HttpRequest& request,
                                        const RedirectPolicy& policy, const CancelToken* cancel);

}  // namespace ecrin::oci

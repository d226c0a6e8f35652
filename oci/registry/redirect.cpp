#include "oci/registry/redirect.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "oci/registry/url.hpp"

namespace ecrin::oci {
namespace {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool becomes_get(int status, const std::string& method) {
  if (status == 303) return method != "GET" && method != "HEAD";
  return (status == 301 || status == 302) && method == "POST";
}

template <std::size_t size>
void drop_headers(HttpRequest& request, const std::array<std::string_view, size>& names) {
  std::erase_if(request.headers, [&](const HttpHeader& header) {
    return std::ranges::find(names, to_lower(header.name)) != names.end();
  });
}

void make_get(HttpRequest& request) {
  request.method = "GET";
  request.body = nullptr;
  request.body_size.reset();
  drop_headers(request, std::array<std::string_view, 7>{"content-type", "content-length", "content-encoding",
                                                        "content-language", "content-location",
                                                        "content-range", "transfer-encoding"});
}

void change_origin(HttpRequest& request, const Url& target, const RedirectPolicy& policy) {
  drop_headers(request, std::array<std::string_view, 3>{"authorization", "cookie", "proxy-authorization"});
  if (policy.tls) {
    request.tls = policy.tls(target.text);
  } else {
    request.tls.certificate.clear();
    request.tls.key.clear();
  }
}

}  // namespace

Result<FollowedResponse> send_following(HttpTransport& transport, const HttpRequest& request,
                                        const RedirectPolicy& policy, const CancelToken* cancel) {
  HttpRequest current = request;
  Url url = TRY(parse_url(request.url));
  const std::string first = display_url(request.url);
  bool has_body = request.body != nullptr || policy.body;
  std::unique_ptr<Source> body;
  for (int redirects = 0;; ++redirects) {
    if (has_body && policy.body) {
      body = TRY_WHILE(policy.body(), "sending to '{}'", display_url(url.text));
      current.body = body.get();
    }
    HttpResponse response = TRY(transport.send(current, cancel));
    const std::string location = is_redirect(response.status) ? response.header("location") : "";
    if (location.empty()) return FollowedResponse{std::move(response), url.text};
    if (redirects == policy.limit)
      return fail(ErrorKind::limit, "cannot fetch '{}': more than {} redirects", first, policy.limit);
    Url target = TRY_WHILE(resolve_url(url, location), "following a redirect of '{}'", first);
    if (url.scheme == "https" && target.scheme != "https")
      return fail(ErrorKind::denied, "'{}' redirects from https to http ('{}')", display_url(url.text),
                  display_url(target.text));
    if (becomes_get(response.status, current.method)) {
      make_get(current);
      has_body = false;
    }
    if (has_body && !policy.body)
      return fail(ErrorKind::unsupported, "'{}' redirects to '{}' a body that cannot be sent twice",
                  display_url(url.text), display_url(target.text));
    if (!url.same_origin(target)) change_origin(current, target, policy);
    current.url = target.text;
    url = std::move(target);
  }
}

}  // namespace ecrin::oci

#include "oci/registry/url.hpp"

#include <curl/curl.h>

#include <memory>

#include "base/text.hpp"
#include "oci/registry/curl_library.hpp"
#include "oci/registry/http.hpp"

namespace ecrin::oci {
namespace {

struct HandleDeleter {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
struct TextDeleter {
  void operator()(char* text) const { curl_free(text); }
};
using Handle = std::unique_ptr<CURLU, HandleDeleter>;

std::string part_of(const Handle& handle, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle.get(), part, &text, flags) != CURLUE_OK) return "";
  return std::unique_ptr<char, TextDeleter>(text).get();
}

Handle parse(const std::string& text, unsigned flags = 0) {
  if (!load_curl()) return Handle();
  Handle handle(curl_url());
  if (handle && curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), flags) != CURLUE_OK) handle.reset();
  return handle;
}

std::string display(const Handle& handle) {
  const Handle copy(curl_url_dup(handle.get()));
  if (!copy) return "";
  for (const CURLUPart part :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT, CURLUPART_QUERY})
    (void)curl_url_set(copy.get(), part, nullptr, 0);
  return printable(part_of(copy, CURLUPART_URL), 500);
}

Result<Url> take_apart(const Handle& handle) {
  if (!handle) return fail(ErrorKind::invalid, "not a URL that can be fetched");
  (void)curl_url_set(handle.get(), CURLUPART_FRAGMENT, nullptr, 0);  // is the reader's, not the server's
  Url url{.text = part_of(handle, CURLUPART_URL),
          .scheme = to_lower(part_of(handle, CURLUPART_SCHEME)),
          .host = to_lower(part_of(handle, CURLUPART_HOST)),
          .port = part_of(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT)};
  if (url.scheme != "http" && url.scheme != "https")
    return fail(ErrorKind::invalid, "cannot fetch '{}': only http and https are supported", display(handle));
  return url;
}

}  // namespace

Result<Url> parse_url(const std::string& text) {
  TRY(load_curl());
  return take_apart(parse(text));
}

Result<Url> resolve_url(const Url& base, const std::string& reference) {
  TRY(load_curl());
  Handle handle = parse(base.text);
  if (handle && curl_url_set(handle.get(), CURLUPART_URL, reference.c_str(), CURLU_URLENCODE) != CURLUE_OK)
    handle.reset();
  return take_apart(handle);
}

bool is_proxy_url(const std::string& text) {
  const Handle handle = parse(text, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
  if (!handle) return false;
  const std::string scheme = to_lower(part_of(handle, CURLUPART_SCHEME));
  for (const char* known : {"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
    if (text.find("://") == std::string::npos || scheme == known) return true;
  return false;
}

std::string without_credentials(const std::string& text) {
  if (!text.contains("://")) return text;
  const Handle handle = parse(text, CURLU_NON_SUPPORT_SCHEME);
  if (!handle) return "(no URL)";
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS})
    (void)curl_url_set(handle.get(), part, nullptr, 0);
  return part_of(handle, CURLUPART_URL);
}

std::string display_url(const std::string& url) {
  const Handle handle = parse(url, CURLU_NON_SUPPORT_SCHEME);
  const std::string text = handle ? display(handle) : "";
  return text.empty() ? "(no URL)" : text;
}

}  // namespace ecrin::oci

#include "oci/registry/http.hpp"

#include <curl/curl.h>

#include <array>
#include <memory>
#include <mutex>
#include <optional>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr int k_redirect_limit = 10;
constexpr std::uint64_t k_dropped_limit = 1u << 20;  // bytes of redirects' and errors' own texts

template <auto function>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Easy = std::unique_ptr<CURL, Deleter<curl_easy_cleanup>>;
using Url = std::unique_ptr<CURLU, Deleter<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, Deleter<curl_free>>;

std::string part_of(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, 0) != CURLUE_OK) return "";
  return CurlText(text).get();
}

struct Address {
  std::string url;
  std::string scheme;   // lower case
  std::string display;  // without user, password and query: signed URLs carry keys there
};

Result<Address> parse_address(const std::string& text) {
  const Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return fail(ErrorKind::invalid, "not a URL that can be fetched");
  Address address{.url = text, .scheme = to_lower(part_of(url, CURLUPART_SCHEME)), .display = ""};
  for (const CURLUPart part :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT, CURLUPART_QUERY})
    (void)curl_url_set(url.get(), part, nullptr, 0);
  address.display = printable(part_of(url, CURLUPART_URL), 500);
  if (address.scheme != "http" && address.scheme != "https")
    return fail(ErrorKind::invalid, "cannot fetch '{}': only http and https are supported", address.display);
  return address;
}

struct Transfer {
  CURL* easy = nullptr;
  Sink* sink = nullptr;
  const CancelToken* cancel = nullptr;
  std::uint64_t limit = 0;
  std::uint64_t count = 0;
  std::uint64_t dropped = 0;
  bool over_limit = false;
  std::optional<Error> error;  // of the sink
};

std::size_t on_body(char* data, std::size_t size, std::size_t items, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * items;
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {  // the text of a redirect or an error is not what was asked for
    transfer.dropped += bytes;
    return transfer.dropped > k_dropped_limit ? 0 : bytes;
  }
  if (bytes > transfer.limit - transfer.count) {
    transfer.over_limit = true;
    return 0;
  }
  transfer.count += bytes;
  Result<> written = transfer.sink->write(as_bytes(std::string_view(data, bytes)));
  if (written) return bytes;
  transfer.error = std::move(written).error();
  return 0;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const Transfer& transfer = *static_cast<Transfer*>(user);
  return transfer.cancel && transfer.cancel->cancelled() ? 1 : 0;
}

Result<Easy> make_easy() {
  static std::once_flag once;
  static CURLcode initialised = CURLE_OK;
  std::call_once(once, [] { initialised = curl_global_init(CURL_GLOBAL_DEFAULT); });
  Easy easy(initialised == CURLE_OK ? curl_easy_init() : nullptr);
  if (!easy) return fail(ErrorKind::network, "cannot initialise libcurl");
  return easy;
}

void set_options(CURL* easy, Transfer& transfer, const FetchOptions& options, char* message) {
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);  // followed by hand, see fetch_url
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "ecrin/" ECRIN_VERSION);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout_seconds));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_seconds));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &transfer);
}

std::string describe(CURLcode code, const char* message) {
  return printable(message[0] ? message : curl_easy_strerror(code), 500);
}

// One request. The URL to go on with, or nothing when the body is in the sink.
Result<std::optional<std::string>> request(CURL* easy, const Address& address, Transfer& transfer,
                                           const char* message) {
  curl_easy_setopt(easy, CURLOPT_URL, address.url.c_str());
  const CURLcode code = curl_easy_perform(easy);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.error)
    return std::unexpected(std::move(*transfer.error).context(fmt::format("fetching '{}'", address.display)));
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    TRY(transfer.cancel->check());
    return fail(ErrorKind::network, "cannot fetch '{}': {}", address.display, describe(code, message));
  }
  if (transfer.over_limit)
    return fail(ErrorKind::limit, "'{}' has more than the {} bytes allowed", address.display, transfer.limit);
  const char* next = nullptr;
  if (status >= 300 && status < 400 && curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &next) == CURLE_OK &&
      next)
    return std::string(next);
  if (status != 0 && status != 200)
    return fail(status == 404 || status == 410 ? ErrorKind::not_found : ErrorKind::network,
                "cannot fetch '{}': the server answers with status {}", address.display, status);
  if (code != CURLE_OK)
    return fail(ErrorKind::network, "cannot fetch '{}': {}", address.display, describe(code, message));
  return std::nullopt;
}

}  // namespace

Result<> fetch_url(const std::string& url, Sink& sink, const FetchOptions& options,
                   const CancelToken* cancel) {
  Address address = TRY(parse_address(url));
  const Easy easy = TRY(make_easy());
  std::array<char, CURL_ERROR_SIZE> message = {};
  Transfer transfer{.easy = easy.get(), .sink = &sink, .cancel = cancel, .limit = options.limit};
  set_options(easy.get(), transfer, options, message.data());
  // libcurl could follow by itself, but not refuse https to http only after an https was seen.
  for (int redirects = 0; redirects <= k_redirect_limit; ++redirects) {
    if (cancel) TRY(cancel->check());
    const auto next = TRY(request(easy.get(), address, transfer, message.data()));
    if (!next) return {};
    Address target = TRY_WHILE(parse_address(*next), "following a redirect of '{}'", address.display);
    if (address.scheme == "https" && target.scheme != "https")
      return fail(ErrorKind::denied, "'{}' redirects from https to http ('{}')", address.display,
                  target.display);
    address = std::move(target);
  }
  return fail(ErrorKind::network, "cannot fetch '{}': more than {} redirects", address.display,
              k_redirect_limit);
}

}  // namespace ecrin::oci

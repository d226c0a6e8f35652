#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/registry/http_internal.hpp"

namespace ecrin::oci {
namespace {

constexpr std::size_t k_header_limit = 256 * 1024;  // bytes of all headers of a response
constexpr std::size_t k_header_count = 1000;
constexpr std::uint64_t k_authorities_limit = 16u << 20;

void count(HttpTransfer& transfer, std::size_t bytes) {
  transfer.window_bytes += bytes;
}

// ---- what libcurl calls ----

int on_connected(void* user, char*, char*, int, int) {
  HttpTransfer& transfer = *static_cast<HttpTransfer*>(user);
  transfer.connected = true;
  transfer.window_start = HttpTransfer::Clock::now();
  transfer.window_bytes = 0;
  return CURL_PREREQFUNC_OK;
}

std::size_t on_body(char* data, std::size_t size, std::size_t items, void* user) {
  HttpTransfer& transfer = *static_cast<HttpTransfer*>(user);
  const std::string_view bytes(data, size * items);
  switch (transfer.exchange->take(as_bytes(bytes))) {
    case Exchange::Taken::nothing:
      return CURL_WRITEFUNC_PAUSE;
    case Exchange::Taken::ended:
      return 0;
    case Exchange::Taken::all:
      break;
  }
  count(transfer, bytes.size());
  return bytes.size();
}

std::size_t on_read(char* data, std::size_t size, std::size_t items, void* user) {
  HttpTransfer& transfer = *static_cast<HttpTransfer*>(user);
  const auto given = transfer.exchange->give(std::as_writable_bytes(std::span(data, size * items)));
  if (given.stopped) return CURL_READFUNC_ABORT;
  if (given.size == 0 && !given.end) return CURL_READFUNC_PAUSE;
  count(transfer, given.size);
  return given.size;
}

// One line. False: not to be accepted, the error is set.
bool take_header_line(HttpTransfer& transfer, std::string_view line) {
  const bool ready = transfer.exchange->has_response();
  if (line.starts_with("HTTP/")) {
    if (ready) {  // after a 417, libcurl asks again by itself; the caller has the first answer
      transfer.error = Error(ErrorKind::network, fmt::format("'{}' answers twice", transfer.display));
      return false;
    }
    transfer.headers.clear();
    return true;
  }
  if (ready) return true;  // a trailer
  if (trim(line).empty()) {
    long status = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) return true;
    transfer.exchange->set_response(static_cast<int>(status), std::move(transfer.headers));
    transfer.wants_resume = transfer.sends_body;
    return true;
  }
  if ((line[0] == ' ' || line[0] == '\t') && !transfer.headers.empty()) {  // a header goes on
    transfer.headers.back().value.append(" ").append(trim(line));
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  transfer.headers.push_back(
      {std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
  return true;
}

std::size_t on_header(char* data, std::size_t size, std::size_t items, void* user) {
  HttpTransfer& transfer = *static_cast<HttpTransfer*>(user);
  const std::string_view line(data, size * items);
  count(transfer, line.size());
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > k_header_limit || transfer.headers.size() > k_header_count) {
    transfer.error =
        Error(ErrorKind::limit, fmt::format("'{}' answers with more than {} headers or {} KiB of them",
                                            transfer.display, k_header_count, k_header_limit / 1024));
    return 0;
  }
  return take_header_line(transfer, line) ? line.size() : 0;
}

// ---- setting up ----

Result<CurlList> header_list(const HttpRequest& request) {
  std::vector<HttpHeader> headers = request.headers;
  const auto given = [&](std::string_view name) {
    return std::ranges::any_of(headers, [&](const HttpHeader& h) { return to_lower(h.name) == name; });
  };
  // Without a body libcurl would call it a form.
  const bool without_type = request.body == nullptr && !given("content-type");
  CurlList list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) return;
    (void)list.release();
    list.reset(longer);
  };
  for (const HttpHeader& header : headers) {
    const auto bad = [](unsigned char c) { return c < ' ' && c != '\t'; };
    if (header.name.empty() || header.name.find_first_of(": ;") != std::string::npos ||
        std::ranges::any_of(header.name, bad) || std::ranges::any_of(header.value, bad))
      return fail(ErrorKind::invalid, "the header '{}' cannot be sent", printable(header.name, 100));
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  if (without_type) add("Content-Type:");
  return list;
}

// The system's CAs and those of the request, in one text: libcurl takes one file only.
Result<std::string> read_authorities(CURL* easy, const std::vector<std::string>& paths) {
  std::string all;
  const char* system_path = nullptr;
  if (curl_easy_getinfo(easy, CURLINFO_CAINFO, &system_path) == CURLE_OK && system_path) {
    if (auto file = posix::open(system_path, O_RDONLY)) {
      FdSource source(std::move(*file));
      all = TRY_WHILE(read_all(source, k_authorities_limit), "reading '{}'", system_path);
    }
  }
  for (const std::string& path : paths) {
    FdSource source(TRY(posix::open(path, O_RDONLY)));
    const std::string text = TRY_WHILE(read_all(source, k_authorities_limit), "reading '{}'", path);
    if (text.find("-----BEGIN ") == std::string::npos)
      return fail(ErrorKind::invalid, "'{}' holds no certificate in PEM form", printable(path));
    all.append("\n").append(text);
  }
  return all;
}

Result<> set_tls(CURL* easy, const TlsSettings& tls) {
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (tls.verify && !tls.authorities.empty()) {
    std::string all = TRY(read_authorities(easy, tls.authorities));
    curl_blob blob = {.data = all.data(), .len = all.size(), .flags = CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.certificate.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.certificate.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key.empty() ? tls.certificate.c_str() : tls.key.c_str());
  }
  return {};
}

void set_method(HttpTransfer& transfer, const HttpRequest& request) {
  CURL* easy = transfer.easy.get();
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request.body != nullptr) {
    const auto size = request.body_size ? static_cast<curl_off_t>(*request.body_size) : curl_off_t{-1};
    transfer.sends_body = true;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
  } else if (request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);  // servers want a length, also if it is 0
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "");
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void set_options(HttpTransfer& transfer, const HttpRequest& request, const Url& url,
                 const ProxyChoice& proxy) {
  CURL* easy = transfer.easy.get();
  curl_easy_setopt(easy, CURLOPT_URL, url.text.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer holds nobody up
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.message.data());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "ecrin/" ECRIN_VERSION);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.request_headers.get());
  curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  if (url.scheme == "https") curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(request.connect_seconds));
  // Both always given, because libcurl looks into the environment for what is not.
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy.proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, proxy.exempt.c_str());
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
}

// libcurl's words where they lead the user to what can be done.
std::string hint_for(const HttpTransfer& transfer, CURLcode code, std::string_view message) {
  const auto says = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR)
    return "give the CA's certificate with --cert-dir or in certs.d, or do not check it: --tls-verify=false";
  if (says("certificate required") || says("bad certificate"))
    return "the server wants a client certificate: put a .cert and a .key file where --cert-dir says, or in "
           "certs.d";
  if (code == CURLE_COULDNT_RESOLVE_PROXY || says("CONNECT tunnel"))
    return "the proxy comes from the environment: http_proxy, https_proxy, all_proxy, no_proxy";
  if (code == CURLE_COULDNT_RESOLVE_HOST) return "check the name, and whether this machine has a network";
  if (code == CURLE_UNSUPPORTED_PROTOCOL && transfer.scheme == "http")
    return "perhaps the server speaks https there";
  return "";
}

}  // namespace

Result<std::unique_ptr<HttpTransfer>> make_transfer(const std::shared_ptr<Exchange>& exchange,
                                                    const HttpRequest& request, const Url& url,
                                                    const TransportOptions& options) {
  const ProxyChoice proxy = TRY(choose_proxy(url, options));
  auto transfer = std::make_unique<HttpTransfer>();
  transfer->exchange = exchange;
  transfer->scheme = url.scheme;
  transfer->display = display_url(url.text);
  transfer->stall_time = std::chrono::seconds(std::max(request.stall_seconds, 1));
  transfer->slowest = std::max<std::uint64_t>(request.slowest, 1);
  transfer->request_headers = TRY_WHILE(header_list(request), "asking '{}'", transfer->display);
  transfer->easy.reset(curl_easy_init());
  if (!transfer->easy) return fail(ErrorKind::network, "cannot initialise libcurl");
  set_options(*transfer, request, url, proxy);
  set_method(*transfer, request);
  TRY(set_tls(transfer->easy.get(), request.tls));
  return transfer;
}

Error describe_failure(const HttpTransfer& transfer, CURLcode code) {
  const std::string message =
      printable(transfer.message[0] ? transfer.message.data() : curl_easy_strerror(code), 500);
  const auto says = [&](std::string_view words) { return message.find(words) != std::string::npos; };
  if (code == CURLE_SSL_CONNECT_ERROR && (says("wrong version number") || says("packet length too long") ||
                                          says("http request") || says("record layer failure"))) {
    return Error(ErrorKind::network, fmt::format("'{}' speaks plain http there, not https", transfer.display))
        .hint(
            "use http for this address; for a registry: --tls-verify=false, or insecure = true in "
            "registries.conf");
  }
  // Trust does not come with another try.
  Error error(code == CURLE_PEER_FAILED_VERIFICATION ? ErrorKind::denied : ErrorKind::network,
              code == CURLE_PEER_FAILED_VERIFICATION
                  ? fmt::format("cannot trust '{}': {}", transfer.display, message)
              : transfer.exchange->has_response()
                  ? fmt::format("the transfer from '{}' broke off: {}", transfer.display, message)
                  : fmt::format("cannot fetch '{}': {}", transfer.display, message));
  const std::string hint = hint_for(transfer, code, message);
  return hint.empty() ? error : std::move(error).hint(hint);
}

}  // namespace ecrin::oci

// HTTP exchanges: one request, one response, bytes streamed both ways. Neither redirects (redirect.hpp) nor
// authentication nor retries happen here. libcurl is known to http_loop.cpp, http_transfer.cpp and url.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/stream.hpp"

namespace ecrin::oci {

struct HttpHeader {
  std::string name;
  std::string value;
};

/// Of one server.
struct TlsSettings {
  bool verify = true;
  std::vector<std::string> authorities;  // PEM files with CAs, in addition to the system's (certs.d/*.crt)
  std::string certificate;               // PEM files of the client; "" = none
  std::string key;
  bool operator==(const TlsSettings&) const = default;
};

/// Less than the slowest line that anybody pulls images through, also when six of them share it.
inline constexpr std::uint64_t k_slowest_transfer = 512;  // bytes a second

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http or https
  std::vector<HttpHeader> headers;
  Source* body = nullptr;                  // read on the caller's thread while send() runs
  std::optional<std::uint64_t> body_size;  // none: chunked transfer encoding
  TlsSettings tls;
  int connect_seconds = 30;
  /// A server that moves less than `slowest` bytes a second, both directions together, for so long is given
  /// up: a transfer of n bytes ends after n / slowest seconds at the latest, the caller's own time left out.
  int stall_seconds = 60;
  std::uint64_t slowest = k_slowest_transfer;
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;  // as they came; bounded in number and size
  /// What arrives, without transfer encoding, but never decompressed. Dropping it ends the exchange. Never
  /// null.
  std::unique_ptr<Source> body;

  std::string header(std::string_view name) const;  // the first one, case-insensitive; "" = none
  std::vector<std::string> header_values(std::string_view name) const;
};

/// The seam for tests.
class HttpTransport {
public:
  virtual ~HttpTransport() = default;
  /// Returns when the response's headers are there; does not follow redirects and does not judge the status.
  /// A response of 300 and more ends the sending of the body. `cancel` also ends reading the response's body
  /// and has to outlive it. Errors of the network are ErrorKind::network, those of `body` come as they are.
  virtual Result<HttpResponse> send(const HttpRequest& request, const CancelToken* cancel) = 0;
};

struct TransportOptions {
  /// http_proxy, https_proxy, all_proxy and no_proxy in lower or upper case (lower wins), as the environment
  /// has them. Loopback addresses are never asked through a proxy.
  std::map<std::string, std::string> proxies;
};

/// One loop (a thread, started by the first send()) for all exchanges: HTTP/2 where offered, connections
/// shared. Safe from any thread. The loop only moves bytes between bounded buffers; sources and sinks run on
/// the callers' threads. Destroying it ends the exchanges that still run: their bodies fail.
std::unique_ptr<HttpTransport> make_transport(const TransportOptions& options);

/// For messages: without user, password, query and fragment, escaped and bounded.
std::string display_url(const std::string& url);

}  // namespace ecrin::oci

#include "oci/registry/http.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "oci/registry/http_loop.hpp"

namespace ecrin::oci {
namespace {

constexpr std::size_t k_send_block = 64 * 1024;

class BodySource final : public Source {
public:
  BodySource(std::shared_ptr<HttpLoop> loop, std::shared_ptr<Exchange> exchange, const CancelToken* cancel)
      : m_loop(std::move(loop)), m_exchange(std::move(exchange)), m_cancel(cancel) {}
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  ~BodySource() override {
    if (!m_ended)
      m_loop->abandon(m_exchange,
                      m_cancel && m_cancel->cancelled() ? HttpLoop::Rest::cut : HttpLoop::Rest::read);
  }

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    while (!m_ended && !buffer.empty()) {
      if (m_cancel) TRY(m_cancel->check());
      const Exchange::Read read = TRY(m_exchange->read(buffer));
      if (read.resume) m_loop->resume(m_exchange);
      if (read.size > 0) return read.size;
      m_ended = read.end;
    }
    return 0u;
  }

private:
  std::shared_ptr<HttpLoop> m_loop;
  std::shared_ptr<Exchange> m_exchange;
  const CancelToken* m_cancel;
  bool m_ended = false;
};

// The caller's source, with its length checked against what the request says.
class RequestBody {
public:
  RequestBody(const HttpRequest& request, std::string display)
      : m_source(*request.body), m_left(request.body_size), m_display(std::move(display)) {}

  /// Some bytes for `buffer`; 0 at the end.
  Result<std::size_t> read(std::span<std::byte> buffer) {
    if (m_left == 0u) {
      std::byte probe;
      if (TRY_WHILE(m_source.read(std::span(&probe, 1)), "sending to '{}'", m_display) != 0)
        return fail(ErrorKind::invalid, "there is more to send to '{}' than was announced", m_display);
      return 0u;
    }
    if (m_left) buffer = buffer.first(std::min<std::uint64_t>(buffer.size(), *m_left));
    const std::size_t size = TRY_WHILE(m_source.read(buffer), "sending to '{}'", m_display);
    if (m_left && size == 0)
      return fail(ErrorKind::invalid, "there are {} bytes less to send to '{}' than was announced", *m_left,
                  m_display);
    if (m_left) *m_left -= size;
    return size;
  }

private:
  Source& m_source;
  std::optional<std::uint64_t> m_left;
  std::string m_display;
};

class CurlTransport final : public HttpTransport {
public:
  explicit CurlTransport(const TransportOptions& options) : m_loop(std::make_shared<HttpLoop>(options)) {}
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;
  ~CurlTransport() override { m_loop->stop(); }

  Result<HttpResponse> send(const HttpRequest& request, const CancelToken* cancel) override {
    const Url url = TRY(parse_url(request.url));
    if (cancel) TRY(cancel->check());
    const auto exchange =
        std::make_shared<Exchange>(request.body ? Exchange::Body::follows : Exchange::Body::none);
    TRY(m_loop->start(exchange, request, url));
    if (auto done = converse(*exchange, exchange, request, cancel); !done) {
      m_loop->abandon(exchange, HttpLoop::Rest::cut);
      return std::unexpected(std::move(done).error());
    }
    HttpResponse response = exchange->take_response();
    response.body = std::make_unique<BodySource>(m_loop, exchange, cancel);
    if (url.scheme == "http" && response.status == 400) TRY(check_plain(*exchange, request.url));
    return response;
  }

private:
  // Sends the body until the response is there.
  Result<> converse(Exchange& exchange, const std::shared_ptr<Exchange>& shared, const HttpRequest& request,
                    const CancelToken* cancel) {
    std::optional<RequestBody> body;
    std::unique_ptr<std::byte[]> block;
    if (request.body) {
      body.emplace(request, display_url(request.url));
      block = std::make_unique_for_overwrite<std::byte[]>(k_send_block);
    }
    for (;;) {
      if (cancel) TRY(cancel->check());
      const Exchange::Progress progress = TRY(exchange.wait());
      if (progress == Exchange::Progress::response) return {};
      if (progress == Exchange::Progress::nothing) continue;
      const std::size_t wanted = std::min(exchange.space(), k_send_block);
      const std::size_t size = TRY(body->read(std::span(block.get(), wanted)));
      if (size > 0 ? exchange.put(std::span(block.get(), size)) : exchange.put_end()) m_loop->resume(shared);
    }
  }

  // Servers that expect TLS answer in plain text when they notice.
  static Result<> check_plain(Exchange& exchange, const std::string& url) {
    const std::string text = to_lower(exchange.peek(2048));
    if (text.find("http request to an https server") == std::string::npos &&
        text.find("plain http request was sent to https port") == std::string::npos)
      return {};
    return std::unexpected(
        Error(ErrorKind::network, fmt::format("'{}' speaks https there, not plain http", display_url(url)))
            .hint("use https for this address"));
  }

  std::shared_ptr<HttpLoop> m_loop;
};

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  const std::string wanted = to_lower(name);
  for (const HttpHeader& header : headers)
    if (to_lower(header.name) == wanted) return header.value;
  return "";
}

std::vector<std::string> HttpResponse::header_values(std::string_view name) const {
  const std::string wanted = to_lower(name);
  std::vector<std::string> values;
  for (const HttpHeader& header : headers)
    if (to_lower(header.name) == wanted) values.push_back(header.value);
  return values;
}

std::unique_ptr<HttpTransport> make_transport(const TransportOptions& options) {
  return std::make_unique<CurlTransport>(options);
}

}  // namespace ecrin::oci

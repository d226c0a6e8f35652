#include "tests/support/memory_transport.hpp"

#include <algorithm>
#include <cstring>

namespace ecrin::tests {

namespace {

constexpr std::uint64_t k_header_limit = 256 * 1024;  // as transports have one

class AnswerSource final : public Source {
public:
  AnswerSource(RegistryAnswer answer, const CancelToken* cancel)
      : m_answer(std::move(answer)), m_cancel(cancel) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (m_cancel) TRY(m_cancel->check());
    const std::uint64_t end =
        std::min<std::uint64_t>(m_answer.cut_after.value_or(UINT64_MAX), m_answer.body.size());
    if (m_position == end && m_answer.endless) m_position = 0;
    if (m_position == end) {
      if (m_answer.cut_after) return fail(ErrorKind::network, "the connection was cut");
      return 0u;
    }
    std::size_t size = std::min<std::uint64_t>(buffer.size(), end - m_position);
    if (m_answer.drip) size = std::min<std::size_t>(size, 3);
    if (size > 0) std::memcpy(buffer.data(), m_answer.body.data() + m_position, size);
    m_position += size;
    return size;
  }

private:
  RegistryAnswer m_answer;
  const CancelToken* m_cancel;
  std::uint64_t m_position = 0;
};

}  // namespace

Result<oci::HttpResponse> MemoryTransport::send(const oci::HttpRequest& request, const CancelToken* cancel) {
  if (cancel) TRY(cancel->check());
  RegistryRequest asked{.method = request.method};
  const std::size_t host = request.url.find("://") + 3;
  const std::size_t path = request.url.find('/', host);
  asked.scheme = request.url.substr(0, host - 3);
  asked.target = path == std::string::npos ? "/" : request.url.substr(path);
  asked.headers.emplace_back("Host", request.url.substr(host, path - host));
  for (const oci::HttpHeader& header : request.headers) asked.headers.emplace_back(header.name, header.value);
  if (request.body) asked.body = TRY(read_all(*request.body, 1u << 30));
  if (request.body_size && *request.body_size != asked.body.size())
    return fail(ErrorKind::invalid, "the body does not have the size that was announced");
  {
    const std::lock_guard lock(m_mutex);
    m_sent.push_back({request.method, request.url, find_header(asked.headers, "Authorization"),
                      request.method == "POST" ? asked.body : "", request.tls});
  }
  RegistryAnswer answer = m_registry.answer(asked);
  if (answer.lost) return fail(ErrorKind::network, "the connection was reset");
  oci::HttpResponse response{.status = answer.status};
  std::uint64_t size = 0;
  for (const auto& [name, value] : answer.headers) {
    response.headers.push_back({name, value});
    size += name.size() + value.size();
  }
  if (size > k_header_limit) return fail(ErrorKind::limit, "the headers are too large");
  if (!answer.without_length)
    response.headers.push_back(
        {"Content-Length", std::to_string(answer.length.value_or(answer.body.size()))});
  response.body = std::make_unique<AnswerSource>(std::move(answer), cancel);
  return response;
}

std::vector<MemoryTransport::Sent> MemoryTransport::sent() const {
  const std::lock_guard lock(m_mutex);
  return m_sent;
}

}  // namespace ecrin::tests

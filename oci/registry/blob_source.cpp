#include "oci/registry/blob_source.hpp"

#include <algorithm>
#include <vector>

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::oci {

namespace {

// A connection that brought at least so much before it broke was worth having: the count of failures starts
// again. Less is no progress, or a server could feed us a byte at a time for ever.
constexpr std::uint64_t k_progress = 64 * 1024;

struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;
};

// "bytes 5-9/10", "bytes 5-9/*"
std::optional<ContentRange> parse_content_range(std::string_view text) {
  text = trim(text);
  if (!to_lower(text.substr(0, 6)).starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  const Result<std::uint64_t> first = parse_unsigned(trim(text.substr(0, dash)));
  const Result<std::uint64_t> total = parse_unsigned(trim(text.substr(slash + 1)));
  if (!first) return std::nullopt;
  return ContentRange{.first = *first, .total = total ? std::optional(*total) : std::nullopt};
}

}  // namespace

BlobSource::BlobSource(RegistryConnection& connection, const Digest& digest, std::uint64_t size,
                       std::uint64_t offset, const CancelToken* cancel)
    : m_connection(connection),
      m_digest(digest),
      m_size(size),
      m_position(offset),
      m_cancel(cancel),
      m_what(fmt::format("the blob {} of '{}'", digest.to_string(), connection.name())),
      m_counted_at(offset) {}

Result<std::unique_ptr<BlobSource>> BlobSource::open(RegistryConnection& connection, const Digest& digest,
                                                     std::uint64_t size, std::uint64_t offset,
                                                     const CancelToken* cancel) {
  if (offset > size)
    return fail(ErrorKind::invalid, "there are {} bytes already of the blob {}, which has {}", offset,
                digest.to_string(), size);
  std::unique_ptr<BlobSource> source(new BlobSource(connection, digest, size, offset, cancel));
  // All of it is there: nothing to ask for, and an empty range would be refused.
  if (offset < size || size == 0) {
    Result<> connected = source->connect();
    // Cut while it skipped what a server sends that does not know ranges: reading makes it again.
    if (!connected && !(is_transient(connected.error()) && source->m_body))
      return std::unexpected(std::move(connected).error());
    if (!connected) source->m_body.reset();
  }
  return source;
}

Result<std::size_t> BlobSource::read(std::span<std::byte> buffer) {
  if (buffer.empty()) return 0u;
  for (;;) {
    if (m_position == m_size) return check_end();
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), m_size - m_position));
    Result<std::size_t> count = m_body ? m_body->read(buffer.first(wanted)) : 0u;
    if (count && *count > 0) {
      m_position += *count;
      return count;
    }
    if (!count && !is_transient(count.error())) return count;
    TRY(recover(count ? Error(ErrorKind::network,
                              fmt::format("{} ends after {} of {} bytes", m_what, m_position, m_size))
                      : std::move(count).error()));
  }
}

// Everything has come; nothing more may. An error of the connection does not matter any more.
Result<std::size_t> BlobSource::check_end() {
  if (!m_body) return 0u;
  std::byte probe;
  const Result<std::size_t> more = m_body->read(std::span(&probe, 1));
  m_body.reset();
  if (more && *more > 0)
    return fail(ErrorKind::invalid, "{} has more than the {} bytes that its manifest says", m_what, m_size);
  return 0u;
}

Result<> BlobSource::recover(Error cause) {
  for (;;) {
    m_body.reset();
    if (m_cancel) TRY(m_cancel->check());
    m_failures = m_position - m_counted_at >= k_progress ? 1 : m_failures + 1;
    m_counted_at = m_position;
    const ExchangeSettings& settings = m_connection.settings();
    const auto wait = wait_before_retry(settings.retry, m_failures, std::nullopt, settings.clock.random());
    if (!wait) return std::unexpected(std::move(cause).context("downloading " + m_what));
    log::debug("{} goes on at byte {} in {} ms: {}", m_what, m_position, wait->count(), cause.message());
    TRY(settings.clock.sleep(*wait, m_cancel));
    Result<> connected = connect();
    if (connected) return {};
    // What could not be had in several tries is over; a cut while skipping counts like any other.
    if (!is_transient(connected.error()) || !m_body) return connected;
    cause = std::move(connected).error();
  }
}

// Leaves m_body empty when the registry itself did not answer.
Result<> BlobSource::connect() {
  m_body.reset();
  RegistryCall call{.url = m_connection.url("blobs/" + m_digest.to_string())};
  if (m_position > 0) call.headers.push_back({"Range", fmt::format("bytes={}-", m_position)});
  FollowedResponse answer =
      TRY_WHILE(m_connection.send_with_retry(call, std::nullopt, m_cancel), "downloading {}", m_what);
  return check_place(answer);
}

// Is it the blob, and where in it does the answer begin?
Result<> BlobSource::check_place(FollowedResponse& answer) {
  HttpResponse& response = answer.response;
  if (response.status == 416)
    return fail(ErrorKind::invalid, "{} is shorter than the {} bytes that its manifest says", m_what, m_size);
  if (response.status != 200 && response.status != 206)
    return std::unexpected(m_connection.refusal(answer, "cannot download " + m_what));
  std::uint64_t start = 0;
  std::optional<std::uint64_t> total;
  if (response.status == 206) {
    const auto range = parse_content_range(response.header("Content-Range"));
    if (!range || range->first > m_position)
      return fail(ErrorKind::invalid,
                  "{}: the registry sends another part ('{}') than the one from byte {} on", m_what,
                  printable(response.header("Content-Range"), 100), m_position);
    start = range->first;
    total = range->total;
  } else if (const auto length = parse_unsigned(response.header("Content-Length"))) {
    total = *length;
  }
  if (total && *total != m_size)
    return fail(ErrorKind::invalid, "{} has {} bytes at the registry, but its manifest says {}", m_what,
                *total, m_size);
  m_body = std::move(response.body);
  return skip(m_position - start);  // of a server that does not know ranges
}

Result<> BlobSource::skip(std::uint64_t count) {
  std::vector<std::byte> block(static_cast<std::size_t>(std::min<std::uint64_t>(count, 256 * 1024)));
  while (count > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(count, block.size()));
    const std::size_t got = TRY(m_body->read(std::span(block).first(wanted)));
    if (got == 0) return fail(ErrorKind::network, "{} ends too early", m_what);
    count -= got;
  }
  return {};
}

}  // namespace ecrin::oci

#include "oci/registry/blob_upload.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "oci/registry/query.hpp"

namespace ecrin::oci {

namespace {

constexpr std::uint64_t k_chunk = 16u << 20;  // when the registry does not say, and the size is unknown
constexpr std::uint64_t k_longest_chunk = 64u << 20;  // chunks of unknown sources are held in memory
constexpr int k_cancel_seconds = 10;

// Exactly `size` bytes of the source that it wraps; remembers whether an error was that source's own.
class SliceSource final : public Source {
public:
  SliceSource(std::unique_ptr<Source> source, std::uint64_t size, bool& failed)
      : m_source(std::move(source)), m_left(size), m_failed(failed) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), m_left));
    if (wanted == 0) return 0u;
    Result<std::size_t> count = m_source->read(buffer.first(wanted));
    if (count && *count == 0)
      count = fail(ErrorKind::invalid, "it is {} bytes shorter than it was said to be", m_left);
    if (count)
      m_left -= *count;
    else
      m_failed = true;
    return count;
  }

private:
  std::unique_ptr<Source> m_source;
  std::uint64_t m_left;
  bool& m_failed;
};

// "0-1023" or "bytes=0-1023": the registry has 1024 bytes. "0-0" is what some write for none at all.
std::optional<std::uint64_t> parse_received(std::string_view text) {
  text = trim(text);
  if (text.starts_with("bytes=")) text.remove_prefix(6);
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const Result<std::uint64_t> first = parse_unsigned(text.substr(0, dash));
  const Result<std::uint64_t> last = parse_unsigned(text.substr(dash + 1), INT64_MAX);
  if (!first || !last || *first != 0) return std::nullopt;
  return *last == 0 ? 0 : *last + 1;
}

Result<std::string> read_up_to(Source& source, std::uint64_t size) {
  std::string bytes;
  std::string block(256 * 1024, '\0');
  while (bytes.size() < size) {
    const std::size_t wanted = std::min<std::uint64_t>(block.size(), size - bytes.size());
    const std::size_t count = TRY(source.read(std::as_writable_bytes(std::span(block)).first(wanted)));
    if (count == 0) break;
    bytes.append(block, 0, count);
  }
  return bytes;
}

}  // namespace

BlobUpload::BlobUpload(RegistryConnection& connection, const Digest& digest,
                       std::optional<std::uint64_t> size, const BlobOpener& open, const CancelToken* cancel)
    : m_connection(connection),
      m_digest(digest),
      m_size(size),
      m_open(open),
      m_cancel(cancel),
      m_what(fmt::format("the blob {} to '{}'", digest.to_string(), connection.name())) {}

Result<> BlobUpload::run() {
  const ExchangeSettings& settings = m_connection.settings();
  std::uint64_t best = 0;
  for (int failures = 1;; ++failures) {
    m_retry_after.reset();
    m_source_failed = false;
    Result<> done = attempt();
    if (done) return done;
    // Bytes that arrived are progress: the count of failures starts again.
    if (m_offset > best) failures = 1;
    best = std::max(best, m_offset);
    auto wait = wait_before_retry(settings.retry, failures, m_retry_after, settings.clock.random());
    if (m_source_failed || m_token_failed || !is_transient(done.error())) wait.reset();
    if (wait) {
      log::debug("uploading {} goes on in {} ms: {}", m_what, wait->count(), done.error().message());
      const Result<> slept = settings.clock.sleep(*wait, m_cancel);
      if (slept) continue;
      done = slept;
    }
    if (!m_token_failed) give_up_session();  // which needs a token too
    return std::unexpected(std::move(done).error().context("uploading " + m_what));
  }
}

Result<> BlobUpload::attempt() {
  if (!m_session.empty()) TRY(find_progress());
  if (m_finished) return {};
  if (m_session.empty()) TRY(start());
  if (m_finished) return {};
  if (m_size && m_chunk == 0 && m_offset == 0) return put_whole();
  TRY(send_rest());
  return finish();
}

Result<> BlobUpload::start() {
  m_offset = 0;
  const RegistryCall call{
      .method = "POST", .url = m_connection.url("blobs/uploads/"), .access = Access::push, .body_size = 0};
  FollowedResponse answer = TRY(send(call));
  if (answer.response.status == 201) {
    m_finished = true;
    return {};
  }
  if (answer.response.status != 202) return refused(answer);
  TRY(take_location(answer));
  if (m_session.empty())
    return fail(ErrorKind::invalid, "{} does not say where to upload to", m_connection.endpoint().registry);
  m_chunk = 0;
  const std::string minimum = answer.response.header("OCI-Chunk-Min-Length");
  if (const auto size = parse_unsigned(minimum, 1u << 30); size && *size > 0)
    m_chunk = std::max(*size, k_chunk);
  return {};
}

// After something broke: what has arrived? A session that is gone may have ended well, with its answer lost.
Result<> BlobUpload::find_progress() {
  FollowedResponse answer = TRY(send({.url = m_session, .access = Access::push}));
  const int status = answer.response.status;
  const auto received = parse_received(answer.response.header("Range"));
  if ((status == 204 || status == 202 || status == 200) && received && (!m_size || *received <= *m_size)) {
    TRY(take_location(answer));
    m_offset = *received;
    return {};
  }
  if (is_transient(status)) return refused(answer);
  if (status != 404) give_up_session();
  m_session.clear();
  m_offset = 0;
  FollowedResponse there = TRY(send(
      {.method = "HEAD", .url = m_connection.url("blobs/" + m_digest.to_string()), .access = Access::push}));
  m_finished = there.response.status == 200;
  return {};
}

Result<> BlobUpload::put_whole() {
  const RegistryCall call{.method = "PUT",
                          .url = with_parameters(m_session, {{"digest", m_digest.to_string()}}),
                          .headers = {{"Content-Type", "application/octet-stream"}},
                          .access = Access::push,
                          .body = [this] { return slice(0, *m_size); },
                          .body_size = m_size};
  FollowedResponse answer = TRY(send(call));
  if (answer.response.status == 201) return {};
  // Some registries take the bytes and want the end said again.
  if (answer.response.status == 202) {
    TRY(take_location(answer));
    m_offset = *m_size;
    return finish();
  }
  return refused(answer);
}

Result<> BlobUpload::send_rest() {
  if (!m_size) return send_unknown_rest();
  while (m_offset < *m_size) {
    const std::uint64_t left = *m_size - m_offset;
    const std::uint64_t size = m_chunk == 0 ? left : std::min(left, m_chunk);
    TRY(send_chunk(size, [this, offset = m_offset, size] { return slice(offset, size); }));
  }
  return {};
}

// A chunk says its length before it begins, so it has to be read first.
Result<> BlobUpload::send_unknown_rest() {
  const std::uint64_t chunk = std::max(m_chunk, k_chunk);
  if (chunk > k_longest_chunk)
    return fail(ErrorKind::unsupported, "{} wants chunks of at least {}", m_connection.endpoint().registry,
                human_size(m_chunk));
  m_source_failed = true;  // until it has been read
  const std::unique_ptr<Source> source = TRY(m_open(m_offset));
  for (;;) {
    m_source_failed = true;
    const std::string bytes = TRY(read_up_to(*source, chunk));
    m_source_failed = false;
    if (bytes.empty()) break;
    const std::uint64_t expected = m_offset + bytes.size();
    TRY(send_chunk(bytes.size(), [&bytes]() -> Result<std::unique_ptr<Source>> {
      return std::make_unique<MemorySource>(bytes);
    }));
    if (m_offset != expected)
      return fail(ErrorKind::network, "{} took only a part of a chunk", m_connection.endpoint().registry);
    if (bytes.size() < chunk) break;
  }
  return {};
}

Result<> BlobUpload::send_chunk(std::uint64_t size,
                                const std::function<Result<std::unique_ptr<Source>>()>& body) {
  const RegistryCall call{.method = "PATCH",
                          .url = m_session,
                          .headers = {{"Content-Type", "application/octet-stream"},
                                      {"Content-Range", fmt::format("{}-{}", m_offset, m_offset + size - 1)}},
                          .access = Access::push,
                          .body = body,
                          .body_size = size};
  FollowedResponse answer = TRY(send(call));
  const int status = answer.response.status;
  if (status == 416) {  // we disagree about what is there: from the beginning, in a new session
    give_up_session();
    m_session.clear();
    return fail(ErrorKind::network, "{} wants another part of the blob than the one from byte {} on",
                m_connection.endpoint().registry, m_offset);
  }
  if (status != 202 && status != 201 && status != 204) return refused(answer);
  TRY(take_location(answer));
  const auto received = parse_received(answer.response.header("Range"));
  // A registry that says less than it was sent has lost something; the next chunk begins there.
  const std::uint64_t end = m_offset + size;
  if (received && *received < m_offset)
    return fail(ErrorKind::network, "{} lost a part of the blob", m_connection.endpoint().registry);
  if (received && *received > m_offset && *received < end)
    m_offset = *received;
  else
    m_offset = end;
  return {};
}

Result<> BlobUpload::finish() {
  const RegistryCall call{.method = "PUT",
                          .url = with_parameters(m_session, {{"digest", m_digest.to_string()}}),
                          .access = Access::push,
                          .body_size = 0};
  FollowedResponse answer = TRY(send(call));
  if (answer.response.status == 201 || answer.response.status == 204) return {};
  return refused(answer);
}

// Best effort, also when the user stopped us: what is left there costs the registry only.
void BlobUpload::give_up_session() {
  if (m_session.empty()) return;
  const CancelToken none;
  const Result<FollowedResponse> answer = m_connection.send(
      {.method = "DELETE", .url = m_session, .access = Access::remove, .stall_seconds = k_cancel_seconds},
      &none);
  if (!answer) log::debug("cannot cancel the upload of {}: {}", m_what, answer.error().message());
}

Result<FollowedResponse> BlobUpload::send(const RegistryCall& call) {
  return m_connection.send(call, m_cancel, &m_token_failed);
}

Result<> BlobUpload::take_location(FollowedResponse& answer) {
  const std::string location = answer.response.header("Location");
  if (!location.empty()) m_session = TRY(m_connection.resolve(answer.url, location));
  return {};
}

std::unexpected<Error> BlobUpload::refused(FollowedResponse& answer) {
  m_retry_after =
      parse_retry_after(answer.response.header("Retry-After"), m_connection.settings().clock.now());
  return std::unexpected(m_connection.refusal(answer, "cannot upload " + m_what));
}

Result<std::unique_ptr<Source>> BlobUpload::slice(std::uint64_t offset, std::uint64_t size) {
  Result<std::unique_ptr<Source>> source = m_open(offset);
  m_source_failed = !source;
  if (!source) return source;
  return std::make_unique<SliceSource>(std::move(*source), size, m_source_failed);
}

}  // namespace ecrin::oci

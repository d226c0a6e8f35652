#include "build/secrets.hpp"

#include <algorithm>
#include <cstring>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_secret_limit = 1u << 20;
constexpr std::string_view k_mask = "***";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<StreamSearch> searches(const GuardedSecrets& secrets) {
  std::vector<StreamSearch> result;
  for (const GuardedSecret& secret : secrets) result.emplace_back(secret.bytes->reveal());
  return result;
}

}  // namespace

StreamSearch::StreamSearch(std::string_view text) : m_text(text), m_border(text.size(), 0) {
  for (std::size_t i = 1, matched = 0; i < text.size(); ++i) {
    while (matched > 0 && text[i] != text[matched]) matched = m_border[matched - 1];
    if (text[i] == text[matched]) ++matched;
    m_border[i] = static_cast<std::uint32_t>(matched);
  }
}

std::size_t StreamSearch::find(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (m_matched == 0) {
      const void* next = std::memchr(bytes.data() + i, m_text[0], bytes.size() - i);
      if (!next) return std::string_view::npos;
      i = static_cast<std::size_t>(static_cast<const char*>(next) - bytes.data());
    }
    while (m_matched > 0 && bytes[i] != m_text[m_matched]) m_matched = m_border[m_matched - 1];
    if (bytes[i] == m_text[m_matched]) ++m_matched;
    if (m_matched < m_text.size()) continue;
    m_matched = m_border.back();
    return i + 1;
  }
  return std::string_view::npos;
}

std::optional<std::string> secret_in(std::string_view text, const GuardedSecrets& secrets) {
  for (const GuardedSecret& secret : secrets) {
    if (text.contains(secret.bytes->reveal())) return secret.id;
  }
  return std::nullopt;
}

std::string without_secrets(const std::string& text, const GuardedSecrets& secrets) {
  SecretMask mask(secrets);
  std::string result = mask.add(text);
  return result + mask.finish();
}

Error without_secrets(const Error& error, const GuardedSecrets& secrets) {
  Error result(error.kind(), without_secrets(error.message(), secrets));
  for (const std::string& line : error.trace())
    (void)std::move(result).context(without_secrets(line, secrets));
  if (error.hint_text().empty()) return result;
  return std::move(result).hint(without_secrets(error.hint_text(), secrets));
}

SecretGuardSink::SecretGuardSink(Sink& next, const GuardedSecrets& secrets)
    : m_next(next), m_secrets(secrets), m_searches(searches(secrets)) {}

void SecretGuardSink::begin(const fs::TarEntry& entry) {
  m_path = entry.path;
  // A tar may tear names apart; the data that follows is in one piece.
  m_in_header = secret_in(entry.path, m_secrets);
  if (!m_in_header) m_in_header = secret_in(entry.link_target, m_secrets);
  for (const posix::Xattr& attribute : entry.xattrs) {
    if (!m_in_header) m_in_header = secret_in(attribute.name, m_secrets);
    if (!m_in_header) m_in_header = secret_in(attribute.value, m_secrets);
  }
  for (StreamSearch& search : m_searches) search.reset();
}

std::unexpected<Error> SecretGuardSink::refuse(const std::string& id) const {
  auto error = Error(ErrorKind::denied, fmt::format("'/{}' in the layer holds the secret '{}'",
                                                    printable(without_secrets(m_path, m_secrets)), id));
  return std::unexpected(
      std::move(error).hint("keep the secret out of what the step writes, or say --allow-secret-in-layer"));
}

Result<> SecretGuardSink::write(std::span<const std::byte> bytes) {
  if (m_in_header) return refuse(*m_in_header);
  for (std::size_t i = 0; i < m_searches.size(); ++i) {
    if (m_searches[i].find(text_of(bytes)) != std::string_view::npos) return refuse(m_secrets[i].id);
  }
  return m_next.write(bytes);
}

SecretMask::SecretMask(GuardedSecrets secrets)
    : m_secrets(std::move(secrets)), m_searches(searches(m_secrets)) {}

std::string SecretMask::add(std::string_view bytes) {
  if (m_secrets.empty()) return std::string(bytes);
  m_held += bytes;
  return give_out(Rest::waits);
}

std::string SecretMask::finish() {
  return give_out(Rest::ends);
}

std::string SecretMask::give_out(Rest rest) {
  std::vector<std::pair<std::size_t, std::size_t>> places;  // of secrets: begin, end
  std::size_t pending = 0;
  for (std::size_t i = 0; i < m_searches.size(); ++i) {
    // What was held is never longer than a secret, so this looks at few bytes twice.
    StreamSearch& search = m_searches[i];
    search.reset();
    const std::string_view held = m_held;
    const std::size_t length = m_secrets[i].bytes->reveal().size();
    std::size_t end = 0;
    for (std::size_t size; (size = search.find(held.substr(end))) != std::string_view::npos;) {
      end += size;
      places.emplace_back(end - length, end);
    }
    pending = std::max(pending, search.pending());
  }
  std::ranges::sort(places);
  const std::size_t ready = m_held.size() - (rest == Rest::waits ? pending : 0);
  std::string result;
  std::size_t position = m_told;  // up to here all is given out
  for (const auto& [begin, end] : places) {
    if (begin >= ready) break;
    // One that overlaps the last is behind the same mask.
    if (begin >= position) result.append(m_held, position, begin - position).append(k_mask);
    position = std::max(position, end);
  }
  if (position < ready) result.append(m_held, position, ready - position);
  m_told = position > ready ? position - ready : 0;
  m_held.erase(0, ready);
  return result;
}

bool Secrets::has(const std::string& id) const {
  return std::ranges::find(m_given, id, &Secret::id) != m_given.end();
}

Result<std::shared_ptr<const ecrin::Secret>> Secrets::read(const std::string& id) {
  const std::scoped_lock lock(m_mutex);
  if (const auto known = m_read.find(id); known != m_read.end()) return known->second;
  const auto given = std::ranges::find(m_given, id, &Secret::id);
  if (given == m_given.end()) return fail(ErrorKind::not_found, "there is no secret '{}'", printable(id));
  std::string content;
  if (given->value) {
    content = *given->value;
  } else {
    content =
        TRY_WHILE(posix::read_file(given->file, k_secret_limit), "reading the secret '{}'", printable(id));
  }
  auto secret = std::make_shared<const ecrin::Secret>(content);
  wipe(content);
  m_read[id] = secret;
  return secret;
}

GuardedSecrets Secrets::guarded(const std::vector<std::string>& ids) {
  GuardedSecrets result;
  const std::scoped_lock lock(m_mutex);
  for (const std::string& id : ids) {
    const auto known = m_read.find(id);
    if (known == m_read.end() || std::ranges::find(result, id, &GuardedSecret::id) != result.end()) continue;
    std::string_view bytes = known->second->reveal();
    while (bytes.ends_with('\n') || bytes.ends_with('\r')) bytes.remove_suffix(1);
    if (bytes.size() < k_shortest_guarded_secret) continue;
    result.push_back({id, std::make_shared<const ecrin::Secret>(bytes)});
  }
  return result;
}

GuardedSecrets Secrets::guarded() {
  std::vector<std::string> ids;
  {
    const std::scoped_lock lock(m_mutex);
    for (const auto& [id, secret] : m_read) ids.push_back(id);
  }
  return guarded(ids);
}

}  // namespace ecrin::build

// What goes wrong in the registry in memory, when it was ordered.
#include <array>
#include <chrono>
#include <ctime>

#include "tests/support/memory_registry.hpp"

namespace ecrin::tests {

namespace {

constexpr std::array<std::pair<Fault, const char*>, 27> k_names = {{
    {Fault::too_many, "too_many"},
    {Fault::too_many_date, "too_many_date"},
    {Fault::too_long_wait, "too_long_wait"},
    {Fault::internal_error, "internal_error"},
    {Fault::bad_gateway, "bad_gateway"},
    {Fault::unavailable, "unavailable"},
    {Fault::forbidden, "forbidden"},
    {Fault::too_large, "too_large"},
    {Fault::reset, "reset"},
    {Fault::lost_answer, "lost_answer"},
    {Fault::cut, "cut"},
    {Fault::cut_upload, "cut_upload"},
    {Fault::wrong_bytes, "wrong_bytes"},
    {Fault::too_short, "too_short"},
    {Fault::too_long, "too_long"},
    {Fault::short_silent, "short_silent"},
    {Fault::long_silent, "long_silent"},
    {Fault::no_length, "no_length"},
    {Fault::endless, "endless"},
    {Fault::drip, "drip"},
    {Fault::ignored_range, "ignored_range"},
    {Fault::wrong_range, "wrong_range"},
    {Fault::expired_token, "expired_token"},
    {Fault::redirect_loop, "redirect_loop"},
    {Fault::huge_header, "huge_header"},
    {Fault::wrong_header_digest, "wrong_header_digest"},
    {Fault::refused_commit, "refused_commit"},
}};

std::string http_date(std::int64_t seconds) {
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts = {};
  gmtime_r(&time, &parts);
  std::array<char, 64> text = {};
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace

std::optional<Fault> parse_fault(const std::string& name) {
  for (const auto& [fault, one] : k_names)
    if (name == one) return fault;
  return std::nullopt;
}

std::string fault_name(Fault fault) {
  for (const auto& [one, name] : k_names)
    if (fault == one) return name;
  return "";
}

void MemoryRegistry::order(Fault fault, int times, const std::string& where) {
  const std::lock_guard lock(m_mutex);
  m_orders.push_back({fault, times, where});
}

void MemoryRegistry::clear_orders() {
  const std::lock_guard lock(m_mutex);
  m_orders.clear();
}

int MemoryRegistry::happened(Fault fault) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_happened.find(fault);
  return found == m_happened.end() ? 0 : found->second;
}

bool MemoryRegistry::take(Fault fault, const RegistryRequest& request) {
  const std::string line = request.method + " " + request.target;
  for (Order& order : m_orders) {
    if (order.fault != fault || order.times == 0 || line.find(order.where) == std::string::npos) continue;
    --order.times;
    ++m_happened[fault];
    return true;
  }
  return false;
}

// Faults that keep the request from being looked at.
std::optional<RegistryAnswer> MemoryRegistry::fail_early(const RegistryRequest& request) {
  const auto busy = [](const std::string& wait) {
    RegistryAnswer answer = error_answer(429, "TOOMANYREQUESTS", "too many requests");
    answer.headers.emplace_back("Retry-After", wait);
    return answer;
  };
  if (take(Fault::too_many, request)) return busy("1");
  if (take(Fault::too_many_date, request)) return busy(http_date(now() + 1));
  if (take(Fault::too_long_wait, request)) return busy("86400");
  if (take(Fault::internal_error, request)) return error_answer(500, "UNKNOWN", "something broke");
  if (take(Fault::bad_gateway, request))
    return RegistryAnswer{.status = 502, .body = "<html>bad gateway</html>"};
  if (take(Fault::unavailable, request)) return RegistryAnswer{.status = 503, .body = "come back later"};
  if (take(Fault::forbidden, request))
    return error_answer(403, "DENIED", "requested access to the resource is denied");
  if (take(Fault::too_large, request))
    return RegistryAnswer{.status = 413, .body = "<html>request entity too large</html>"};
  if (take(Fault::reset, request)) return RegistryAnswer{.lost = true};
  if (take(Fault::redirect_loop, request))
    return RegistryAnswer{.status = 307, .headers = {{"Location", "/loop/0"}}};
  return std::nullopt;
}

// Faults of a good answer. Those of bodies happen to answers that have one and were a success.
void MemoryRegistry::spoil(const RegistryRequest& request, RegistryAnswer& answer) {
  if (take(Fault::lost_answer, request)) answer.lost = true;
  if (take(Fault::huge_header, request)) answer.headers.emplace_back("X-Huge", std::string(1u << 20, 'h'));
  const bool has_body = request.method == "GET" && answer.status / 100 == 2 && !answer.body.empty();
  const std::string path = request.path();
  if (has_body && take(Fault::wrong_bytes, request))
    answer.body.back() = static_cast<char>(answer.body.back() ^ 1);
  if (has_body && take(Fault::too_short, request)) answer.body.resize(answer.body.size() / 2);
  if (has_body && take(Fault::too_long, request)) answer.body += "more";
  if (has_body && take(Fault::short_silent, request)) {
    answer.body.resize(answer.body.size() / 2);
    answer.without_length = true;
  }
  if (has_body && take(Fault::long_silent, request)) {
    answer.body += "more";
    answer.without_length = true;
  }
  if (has_body && take(Fault::no_length, request)) answer.without_length = true;
  if (has_body && take(Fault::endless, request)) answer.endless = answer.without_length = true;
  if (has_body && take(Fault::drip, request)) answer.drip = true;
  if (has_body && take(Fault::cut, request)) answer.cut_after = answer.body.size() / 2;
  if (has_body && take(Fault::wrong_header_digest, request)) {
    std::erase_if(answer.headers, [](const auto& header) { return header.first == "Docker-Content-Digest"; });
    answer.headers.emplace_back("Docker-Content-Digest", digest_of("something else"));
  }
  const std::size_t blob = path.rfind("sha256:");
  const bool is_blob = path.find("/blobs/") != std::string::npos || path.starts_with("/storage/");
  if (!has_body || !is_blob || blob == std::string::npos) return;
  Counts& counts = m_downloads[path.substr(blob)];
  ++counts.requests;
  counts.bytes += answer.cut_after.value_or(answer.body.size());
}

}  // namespace ecrin::tests

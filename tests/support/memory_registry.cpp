#include "tests/support/memory_registry.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace ecrin::tests {

namespace {

std::string decode(const std::string& text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

}  // namespace

std::string find_header(const Headers& headers, const std::string& name) {
  for (const auto& [one, value] : headers)
    if (to_lower(one) == to_lower(name)) return value;
  return "";
}

std::string RegistryRequest::path() const {
  return decode(target.substr(0, target.find('?')));
}

std::vector<std::string> RegistryRequest::queries(const std::string& name) const {
  std::vector<std::string> values;
  const std::size_t mark = target.find('?');
  if (mark == std::string::npos) return values;
  for (const std::string& field : split(target.substr(mark + 1), '&')) {
    const std::size_t equals = field.find('=');
    if (decode(field.substr(0, equals)) != name) continue;
    values.push_back(equals == std::string::npos ? "" : decode(field.substr(equals + 1)));
  }
  return values;
}

std::optional<std::string> RegistryRequest::query(const std::string& name) const {
  const std::vector<std::string> values = queries(name);
  return values.empty() ? std::nullopt : std::optional(values.front());
}

RegistryAnswer error_answer(int status, const std::string& code, const std::string& message) {
  const nlohmann::json error = {{"code", code}, {"message", message}};
  RegistryAnswer answer{.status = status, .body = nlohmann::json({{"errors", {error}}}).dump()};
  answer.headers.emplace_back("Content-Type", "application/json");
  return answer;
}

std::string digest_of(const std::string& bytes) {
  return "sha256:" + sha256_hex(bytes);
}

MemoryRegistry::MemoryRegistry(MemoryRegistryOptions options) : m_options(std::move(options)) {}

RegistryAnswer MemoryRegistry::answer(const RegistryRequest& request) {
  const std::lock_guard lock(m_mutex);
  if (request.path().starts_with("/_control/")) return control(request);
  keep_counts(request);
  if (auto failed = fail_early(request)) return *failed;
  RegistryAnswer answer = route(request);
  spoil(request, answer);
  if (request.method == "HEAD") {
    if (!answer.length) answer.length = answer.body.size();
    answer.body.clear();
  }
  return answer;
}

RegistryAnswer MemoryRegistry::route(const RegistryRequest& request) {
  const std::string path = request.path();
  if (path == "/token") return token_service(request);
  if (path.starts_with("/storage/")) {
    if (!find_header(request.headers, "Authorization").empty()) {
      ++m_leaked;
      return error_answer(400, "UNSUPPORTED", "only one way of authentication at a time");
    }
    return serve_blob(request, path.substr(9));
  }
  if (path.starts_with("/loop/"))
    return {.status = 307, .headers = {{"Location", "/loop/" + std::to_string(++m_next)}}};
  if (path == "/v2/" || path == "/v2") {
    if (auto refused = refuse_access(request, "")) return *refused;
    return {.body = "{}"};
  }
  if (!path.starts_with("/v2/")) return error_answer(404, "UNSUPPORTED", "no such page");
  for (const char* kind : {"/blobs/uploads/", "/blobs/", "/manifests/", "/tags/list", "/referrers/"}) {
    const std::size_t place = path.rfind(kind);
    if (place == std::string::npos || place < 4) continue;
    const std::string repository = path.substr(4, place - 4);
    if (auto refused = refuse_access(request, repository)) return *refused;
    return answer_registry(request, repository, kind, path.substr(place + std::string(kind).size()));
  }
  return error_answer(404, "NAME_INVALID", "invalid repository name");
}

RegistryAnswer MemoryRegistry::answer_registry(const RegistryRequest& request, const std::string& name,
                                               const std::string& kind, const std::string& rest) {
  const bool writes = request.method == "PUT" || request.method == "POST" || request.method == "PATCH";
  if (!writes && !m_repositories.contains(name) && kind != "/blobs/uploads/" && kind != "/referrers/")
    return error_answer(404, "NAME_UNKNOWN", "repository name not known to registry");
  Repository& repository = m_repositories[name];
  if (kind == "/blobs/uploads/")
    return rest.empty() ? start_upload(request, repository, name) : uploads(request, repository, rest);
  if (kind == "/blobs/") return blobs(request, repository, rest);
  if (kind == "/manifests/") return manifests(request, repository, rest);
  if (kind == "/tags/list") return tags(request, repository, name);
  return referrers(request, repository, rest);
}

// /_control/fault?name=cut&times=2&where=/blobs/   /_control/counts   /_control/forget
RegistryAnswer MemoryRegistry::control(const RegistryRequest& request) {
  const std::string path = request.path();
  if (path == "/_control/counts") return {.body = counts_json()};
  if (path == "/_control/forget") {
    m_requests.clear();
    m_downloads.clear();
    m_uploaded = {};
    return {.body = "{}"};
  }
  const std::optional<Fault> fault = parse_fault(request.query("name").value_or(""));
  if (path != "/_control/fault" || !fault) return error_answer(404, "UNSUPPORTED", "no such control");
  m_orders.push_back(
      {*fault, std::stoi(request.query("times").value_or("1")), request.query("where").value_or("")});
  return {.body = "{}"};
}

void MemoryRegistry::keep_counts(const RegistryRequest& request) {
  m_requests.push_back(request.method + " " + request.target);
  if (request.path().find("/blobs/uploads/") == std::string::npos) return;
  if (request.method != "PUT" && request.method != "PATCH") return;
  ++m_uploaded.requests;
  m_uploaded.bytes += request.body.size();
}

void MemoryRegistry::change(const std::function<void(MemoryRegistryOptions&)>& change) {
  const std::lock_guard lock(m_mutex);
  change(m_options);
}

std::string MemoryRegistry::add_blob(const std::string& repository, const std::string& bytes) {
  const std::lock_guard lock(m_mutex);
  const std::string digest = digest_of(bytes);
  m_blobs[digest] = bytes;
  m_repositories[repository].blobs.insert(digest);
  return digest;
}

std::string MemoryRegistry::add_manifest(const std::string& repository, const std::string& tag,
                                         const std::string& type, const std::string& bytes) {
  const std::lock_guard lock(m_mutex);
  const std::string digest = digest_of(bytes);
  m_repositories[repository].manifests[digest] = {type, bytes};
  if (!tag.empty()) m_repositories[repository].tags[tag] = digest;
  return digest;
}

void MemoryRegistry::add_false_manifest(const std::string& repository, const std::string& digest,
                                        const std::string& type, const std::string& bytes) {
  const std::lock_guard lock(m_mutex);
  m_repositories[repository].manifests[digest] = {type, bytes};
}

bool MemoryRegistry::has_blob(const std::string& repository, const std::string& digest) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_repositories.find(repository);
  return found != m_repositories.end() && found->second.blobs.contains(digest);
}

std::string MemoryRegistry::blob(const std::string& repository, const std::string& digest) const {
  if (!has_blob(repository, digest)) throw std::runtime_error("there is no blob " + digest);
  const std::lock_guard lock(m_mutex);
  return m_blobs.at(digest);
}

std::string MemoryRegistry::manifest(const std::string& repository, const std::string& name) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_repositories.find(repository);
  if (found == m_repositories.end()) return "";
  const auto tag = found->second.tags.find(name);
  const auto manifest = found->second.manifests.find(tag == found->second.tags.end() ? name : tag->second);
  return manifest == found->second.manifests.end() ? "" : manifest->second.bytes;
}

std::size_t MemoryRegistry::open_uploads() const {
  const std::lock_guard lock(m_mutex);
  return m_uploads.size();
}

std::vector<std::string> MemoryRegistry::requests() const {
  const std::lock_guard lock(m_mutex);
  return m_requests;
}

int MemoryRegistry::count(const std::string& part) const {
  const std::lock_guard lock(m_mutex);
  return static_cast<int>(std::count_if(m_requests.begin(), m_requests.end(), [&](const std::string& one) {
    return one.find(part) != std::string::npos;
  }));
}

MemoryRegistry::Counts MemoryRegistry::downloads(const std::string& digest) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_downloads.find(digest);
  return found == m_downloads.end() ? Counts() : found->second;
}

MemoryRegistry::Counts MemoryRegistry::uploads() const {
  const std::lock_guard lock(m_mutex);
  return m_uploaded;
}

int MemoryRegistry::leaked_credentials() const {
  const std::lock_guard lock(m_mutex);
  return m_leaked;
}

// Called with the mutex held, by control().
std::string MemoryRegistry::counts_json() const {
  nlohmann::json json = {{"requests", m_requests},
                         {"uploads", {{"requests", m_uploaded.requests}, {"bytes", m_uploaded.bytes}}},
                         {"openUploads", m_uploads.size()},
                         {"leakedCredentials", m_leaked},
                         {"downloads", nlohmann::json::object()},
                         {"faults", nlohmann::json::object()}};
  for (const auto& [digest, counts] : m_downloads)
    json["downloads"][digest] = {{"requests", counts.requests}, {"bytes", counts.bytes}};
  for (const auto& [fault, times] : m_happened) json["faults"][fault_name(fault)] = times;
  return json.dump();
}

void MemoryRegistry::forget_counts() {
  const std::lock_guard lock(m_mutex);
  m_requests.clear();
  m_downloads.clear();
  m_uploaded = {};
}

}  // namespace ecrin::tests

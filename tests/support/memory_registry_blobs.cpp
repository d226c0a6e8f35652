// Blobs and uploads of the registry in memory.
#include <algorithm>

#include "base/text.hpp"
#include "tests/support/memory_registry.hpp"

namespace ecrin::tests {

RegistryAnswer MemoryRegistry::blobs(const RegistryRequest& request, Repository& repository,
                                     const std::string& digest) {
  if (!repository.blobs.contains(digest))
    return error_answer(404, "BLOB_UNKNOWN", "blob unknown to registry");
  if (request.method == "DELETE") {
    repository.blobs.erase(digest);
    return {.status = 202};
  }
  if (!m_options.blob_host.empty())
    return {.status = 307,
            .headers = {{"Location", m_options.blob_host + "/storage/" + digest + "?signature=abc"}}};
  return serve_blob(request, digest);
}

RegistryAnswer MemoryRegistry::serve_blob(const RegistryRequest& request, const std::string& digest) {
  const auto found = m_blobs.find(digest);
  if (found == m_blobs.end()) return error_answer(404, "BLOB_UNKNOWN", "blob unknown to registry");
  const std::string& bytes = found->second;
  RegistryAnswer answer{
      .headers = {{"Content-Type", "application/octet-stream"}, {"Docker-Content-Digest", digest}}};
  std::uint64_t start = 0;
  std::string range = find_header(request.headers, "Range");
  if (range.starts_with("bytes=") && !take(Fault::ignored_range, request)) {
    range = range.substr(6);
    const auto first = parse_unsigned(range.substr(0, range.find('-')));
    start = first ? *first : 0;
    if (take(Fault::wrong_range, request)) start += 1;
    if (start >= bytes.size()) {
      RegistryAnswer refused = error_answer(416, "RANGE_INVALID", "range not satisfiable");
      refused.headers.emplace_back("Content-Range", "bytes */" + std::to_string(bytes.size()));
      return refused;
    }
    answer.status = 206;
    answer.headers.emplace_back("Content-Range", "bytes " + std::to_string(start) + "-" +
                                                     std::to_string(bytes.size() - 1) + "/" +
                                                     std::to_string(bytes.size()));
  }
  answer.body = bytes.substr(start);
  return answer;
}

RegistryAnswer MemoryRegistry::start_upload(const RegistryRequest& request, Repository& repository,
                                            const std::string& name) {
  if (request.method != "POST") return error_answer(405, "UNSUPPORTED", "method not allowed");
  const auto mounted = request.query("mount");
  const auto from = m_repositories.find(request.query("from").value_or(""));
  if (mounted && m_options.mounts && from != m_repositories.end() && from->second.blobs.contains(*mounted)) {
    repository.blobs.insert(*mounted);
    return {
        .status = 201,
        .headers = {{"Location", "/v2/" + name + "/blobs/" + *mounted}, {"Docker-Content-Digest", *mounted}}};
  }
  const std::string id = "upload-" + std::to_string(++m_next);
  m_uploads[id] = {name, ""};
  return upload_status(id, 202);
}

RegistryAnswer MemoryRegistry::upload_status(const std::string& id, int status) const {
  const Upload& upload = m_uploads.at(id);
  const std::size_t size = upload.bytes.size();
  RegistryAnswer answer{.status = status};
  answer.headers = {
      {"Location", "/v2/" + upload.repository + "/blobs/uploads/" + id + "?state=" + std::to_string(size)},
      {"Range", "0-" + std::to_string(size == 0 ? 0 : size - 1)}};
  if (m_options.chunk_minimum > 0)
    answer.headers.emplace_back("OCI-Chunk-Min-Length", std::to_string(m_options.chunk_minimum));
  return answer;
}

RegistryAnswer MemoryRegistry::uploads(const RegistryRequest& request, Repository& repository,
                                       const std::string& id) {
  const auto found = m_uploads.find(id);
  if (found == m_uploads.end())
    return error_answer(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
  std::string& bytes = found->second.bytes;
  if (request.method == "DELETE") {
    m_uploads.erase(found);
    return {.status = 204};
  }
  if (request.method == "GET") return upload_status(id, 204);
  if (request.query("state") != std::to_string(bytes.size()))
    return error_answer(416, "BLOB_UPLOAD_INVALID", "this is not the newest location");
  if (request.method == "PUT") return finish_upload(request, repository, id);
  const std::string range = find_header(request.headers, "Content-Range");
  if (!range.empty()) {
    const auto first = parse_unsigned(range.substr(0, range.find('-')));
    const auto last = parse_unsigned(range.substr(range.find('-') + 1));
    if (!first || !last || *first != bytes.size())
      return error_answer(416, "BLOB_UPLOAD_INVALID", "out of order");
  }
  const bool is_cut = take(Fault::cut_upload, request);
  bytes += is_cut ? request.body.substr(0, request.body.size() / 2) : request.body;
  RegistryAnswer answer = upload_status(id, 202);
  answer.lost = is_cut;
  return answer;
}

RegistryAnswer MemoryRegistry::finish_upload(const RegistryRequest& request, Repository& repository,
                                             const std::string& id) {
  const std::string digest = request.query("digest").value_or("");
  std::string& bytes = m_uploads.at(id).bytes;
  if (!request.body.empty() && take(Fault::cut_upload, request)) {
    bytes += request.body.substr(0, request.body.size() / 2);
    return {.lost = true};
  }
  if (take(Fault::refused_commit, request))
    return error_answer(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  const std::string whole = bytes + request.body;
  if (digest_of(whole) != digest)
    return error_answer(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  m_blobs[digest] = whole;
  repository.blobs.insert(digest);
  const std::string name = m_uploads.at(id).repository;
  m_uploads.erase(id);
  return {.status = 201,
          .headers = {{"Location", "/v2/" + name + "/blobs/" + digest}, {"Docker-Content-Digest", digest}}};
}

}  // namespace ecrin::tests

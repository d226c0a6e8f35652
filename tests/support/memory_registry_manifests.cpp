// Manifests, tags and referrers of the registry in memory.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "tests/support/memory_registry.hpp"

namespace ecrin::tests {

namespace {

using nlohmann::json;

json parse(const std::string& bytes) {
  json value = json::parse(bytes, nullptr, false);
  return value.is_object() ? value : json::object();
}

bool is_digest(const std::string& name) {
  return name.starts_with("sha256:") && name.size() == 71;
}

std::uint64_t number(const RegistryRequest& request, const std::string& name, std::uint64_t otherwise) {
  const auto text = request.query(name);
  const auto value = parse_unsigned(text.value_or(""));
  return value ? *value : otherwise;
}

}  // namespace

RegistryAnswer MemoryRegistry::manifests(const RegistryRequest& request, Repository& repository,
                                         const std::string& name) {
  if (request.method == "PUT") return put_manifest(request, repository, name);
  if (request.method == "DELETE" && !m_options.deletes)
    return error_answer(405, "UNSUPPORTED", "The operation is unsupported.");
  const auto tag = repository.tags.find(name);
  if (request.method == "DELETE" && tag != repository.tags.end()) {
    repository.tags.erase(tag);
    return {.status = 202};
  }
  const auto found = repository.manifests.find(tag == repository.tags.end() ? name : tag->second);
  if (found == repository.manifests.end()) return error_answer(404, "MANIFEST_UNKNOWN", "manifest unknown");
  if (request.method == "DELETE") {
    std::erase_if(repository.tags, [&](const auto& one) { return one.second == found->first; });
    repository.manifests.erase(found);
    return {.status = 202};
  }
  if (find_header(request.headers, "Accept").find(found->second.type) == std::string::npos)
    return error_answer(404, "MANIFEST_UNKNOWN", "no manifest of an accepted type");
  return {.headers = {{"Content-Type", found->second.type}, {"Docker-Content-Digest", found->first}},
          .body = found->second.bytes};
}

RegistryAnswer MemoryRegistry::put_manifest(const RegistryRequest& request, Repository& repository,
                                            const std::string& name) {
  const std::string digest = digest_of(request.body);
  if (is_digest(name) && name != digest)
    return error_answer(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  const json manifest = parse(request.body);
  std::vector<json> blobs = manifest.value("layers", std::vector<json>());
  if (manifest.contains("config")) blobs.push_back(manifest["config"]);
  for (const json& blob : blobs)
    if (!repository.blobs.contains(blob.value("digest", "")))
      return error_answer(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
  for (const json& child : manifest.value("manifests", std::vector<json>()))
    if (!repository.manifests.contains(child.value("digest", "")) && !name.starts_with("sha256-"))
      return error_answer(400, "MANIFEST_BLOB_UNKNOWN", "manifest unknown to registry");
  repository.manifests[digest] = {find_header(request.headers, "Content-Type"), request.body};
  if (!is_digest(name)) repository.tags[name] = digest;
  RegistryAnswer answer{.status = 201,
                        .headers = {{"Docker-Content-Digest", digest}, {"Location", request.target}}};
  if (m_options.referrers && manifest.contains("subject"))
    answer.headers.emplace_back("OCI-Subject", manifest["subject"].value("digest", ""));
  return answer;
}

RegistryAnswer MemoryRegistry::tags(const RegistryRequest& request, Repository& repository,
                                    const std::string& name) {
  const std::uint64_t limit = std::min(number(request, "n", m_options.page), m_options.page);
  const std::string last = request.query("last").value_or("");
  std::vector<std::string> page;
  bool more = false;
  for (const auto& [tag, digest] : repository.tags) {
    if (tag <= last && !last.empty()) continue;
    more = page.size() == limit;
    if (more) break;
    page.push_back(tag);
  }
  RegistryAnswer answer{.headers = {{"Content-Type", "application/json"}},
                        .body = json({{"name", name}, {"tags", page}}).dump()};
  if (more)
    answer.headers.emplace_back("Link", "</v2/" + name + "/tags/list?last=" + page.back() +
                                            "&n=" + std::to_string(limit) + ">; rel=\"next\"");
  return answer;
}

RegistryAnswer MemoryRegistry::referrers(const RegistryRequest& request, Repository& repository,
                                         const std::string& digest) {
  if (!m_options.referrers) return error_answer(404, "UNSUPPORTED", "no such page");
  const std::uint64_t skip = number(request, "skip", 0);
  std::vector<json> all;
  for (const auto& [name, one] : repository.manifests) {
    const json manifest = parse(one.bytes);
    if (!manifest.contains("subject") || manifest["subject"].value("digest", "") != digest) continue;
    json entry = {{"mediaType", one.type}, {"digest", name}, {"size", one.bytes.size()}};
    entry["artifactType"] = manifest.value("artifactType", "");
    if (entry["artifactType"] == "") entry["artifactType"] = manifest["config"].value("mediaType", "");
    if (manifest.contains("annotations")) entry["annotations"] = manifest["annotations"];
    all.push_back(entry);
  }
  json index = {{"schemaVersion", 2},
                {"mediaType", "application/vnd.oci.image.index.v1+json"},
                {"manifests", json::array()}};
  for (std::size_t i = skip; i < all.size() && i < skip + m_options.page; ++i)
    index["manifests"].push_back(all[i]);
  RegistryAnswer answer{.headers = {{"Content-Type", "application/vnd.oci.image.index.v1+json"}},
                        .body = index.dump()};
  if (skip + m_options.page < all.size())
    answer.headers.emplace_back(
        "Link", "<" + request.path() + "?skip=" + std::to_string(skip + m_options.page) + ">; rel=\"next\"");
  return answer;
}

}  // namespace ecrin::tests

#include "oci/registry/registry_name.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "oci/reference.hpp"

namespace ecrin::oci {
namespace {

std::string_view without_scheme(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (to_lower(text.substr(0, scheme.size())) == scheme) return text.substr(scheme.size());
  }
  return text;
}

// docker's files had the address of the API as the key for a time.
std::string_view without_api_path(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  for (const std::string_view path : {"/v1", "/v2"}) {
    if (text.ends_with(path) && text.find('/') == text.size() - path.size()) text.remove_suffix(path.size());
  }
  return text;
}

bool is_ipv4_loopback(std::string_view host) {
  const std::vector<std::string> parts = split(host, '.');
  return parts.size() == 4 && parts[0] == "127" && std::ranges::all_of(parts, [](const std::string& part) {
           return parse_unsigned(part, 255).has_value();
         });
}

}  // namespace

std::string canonical_registry(std::string_view registry) {
  if (registry == "index.docker.io" || registry == "registry-1.docker.io") return std::string(k_docker_hub);
  return std::string(registry);
}

std::string api_host(std::string_view registry) {
  return canonical_registry(registry) == k_docker_hub ? "registry-1.docker.io" : std::string(registry);
}

bool is_loopback_registry(std::string_view registry) {
  if (registry.starts_with('[')) return registry.substr(0, registry.find(']') + 1) == "[::1]";
  const std::string host = to_lower(registry.substr(0, registry.find(':')));
  return host == "localhost" || is_ipv4_loopback(host);
}

Result<CredentialKey> CredentialKey::parse(std::string_view text) {
  const std::string_view rest = without_api_path(without_scheme(text));
  const std::size_t slash = rest.find('/');
  CredentialKey key{.registry = canonical_registry(rest.substr(0, slash)), .path = {}};
  if (!is_registry_name(key.registry)) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is not a registry", printable(text, 300)))
            .hint("a registry is HOST, HOST:PORT or HOST/PATH"));
  }
  if (slash == std::string_view::npos) return key;
  key.path = rest.substr(slash + 1);
  // The grammar of paths is that of repositories; a host that does not look like one would be taken for a
  // part of the path, so it is checked with another.
  const Result<Reference> reference = Reference::parse("registry.invalid/" + key.path);
  if (!reference || !reference->tag.empty() || reference->digest) {
    return std::unexpected(Error(ErrorKind::invalid,
                                 fmt::format("'{}' is not a registry or a part of one", printable(text, 300)))
                               .hint("credentials are for HOST or HOST/PATH, without a tag or a digest"));
  }
  return key;
}

std::vector<std::string> CredentialKey::candidates() const {
  std::vector<std::string> result;
  for (std::string rest = path; !rest.empty();) {
    result.push_back(registry + "/" + rest);
    const std::size_t slash = rest.rfind('/');
    rest.resize(slash == std::string::npos ? 0 : slash);
  }
  result.push_back(registry);
  return result;
}

std::string registry_of_key(std::string_view key) {
  const std::string_view bare = without_scheme(key);
  const std::string_view rest = without_api_path(bare);
  const std::size_t slash = rest.find('/');
  // With a scheme it is an address, and only its host counts.
  if (slash != std::string_view::npos && bare.size() == key.size()) return "";
  return canonical_registry(rest.substr(0, slash));
}

}  // namespace ecrin::oci

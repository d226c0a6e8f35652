#include "oci/reference.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_name_limit = 255;  // registry, slash and repository, as docker and podman count
constexpr std::string_view k_docker_registry = "docker.io";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alphanumeric(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

template <class Predicate>
bool all_of(std::string_view text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
}

bool is_host(std::string_view host) {
  for (const std::string& label : split(host, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    if (!all_of(label, [](char c) { return is_alphanumeric(c) || c == '-'; })) return false;
  }
  return true;
}

bool is_registry(std::string_view text) {
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end < 2) return false;
    if (!all_of(text.substr(1, end - 1), [](char c) { return is_hex(c) || c == ':'; })) return false;
    const std::string_view rest = text.substr(end + 1);
    if (rest.empty()) return true;
    if (!rest.starts_with(':')) return false;
    port = rest.substr(1);
    has_port = true;
  } else {
    const std::size_t colon = text.find(':');
    if (!is_host(text.substr(0, colon))) return false;
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      has_port = true;
    }
  }
  return !has_port || (!port.empty() && port.size() <= 5 && all_of(port, is_digit));
}

// Docker's rule: the part before the first slash is a registry when it looks like a host.
bool looks_like_registry(std::string_view part) {
  return part == "localhost" || part.find_first_of(".:[") != std::string_view::npos;
}

// [a-z0-9]+ joined by one '.', one or two '_', or any number of '-'
bool is_component(std::string_view text) {
  if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    if (is_lower_or_digit(text[i])) {
      ++i;
      continue;
    }
    const char separator = text[i];
    const std::size_t start = i;
    while (i < text.size() && text[i] == separator) ++i;
    const std::size_t run = i - start;
    const bool fine = separator == '-' || (separator == '_' && run <= 2) || (separator == '.' && run == 1);
    if (!fine || !is_lower_or_digit(text[i])) return false;
  }
  return true;
}

bool is_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > 128 || tag.front() == '.' || tag.front() == '-') return false;
  return all_of(tag, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

std::unexpected<Error> refuse(std::string_view text, std::string_view why) {
  return fail(ErrorKind::invalid, "invalid image name '{}': {}", printable(text, 300), why);
}

Result<std::string> parse_repository(std::string_view whole, std::string_view repository) {
  if (repository.empty()) return refuse(whole, "the repository is missing");
  for (const std::string& component : split(repository, '/')) {
    if (component.empty()) return refuse(whole, "a part between slashes is empty");
    if (is_component(component)) continue;
    if (to_lower(component) != component) return refuse(whole, "the repository must be lower case");
    return refuse(
        whole,
        fmt::format("'{}' is not made of lower-case letters and digits joined by '.', '_', '__' or '-'",
                    printable(component, 100)));
  }
  return std::string(repository);
}

}  // namespace

bool is_registry_name(std::string_view text) {
  return text.size() <= k_name_limit && is_registry(text);
}

Result<Reference> Reference::parse(std::string_view text) {
  if (text.empty()) return fail(ErrorKind::invalid, "the image name is empty");
  if (text.size() > 1024) return refuse(text, "it is too long");
  Reference reference;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    Result<Digest> digest = Digest::parse(rest.substr(at + 1));
    if (!digest) return refuse(text, digest.error().message());
    reference.digest = std::move(*digest);
    rest = rest.substr(0, at);
  }
  // A colon behind the last slash starts the tag; one before it belongs to the registry's port.
  const std::size_t last_slash = rest.rfind('/');
  const std::size_t name_start = last_slash == std::string_view::npos ? 0 : last_slash + 1;
  if (const std::size_t colon = rest.find(':', name_start); colon != std::string_view::npos) {
    const std::string_view tag = rest.substr(colon + 1);
    if (!is_tag(tag))
      return refuse(
          text, "a tag is one to 128 letters, digits, '_', '.' or '-', and does not start with '.' or '-'");
    reference.tag = tag;
    rest = rest.substr(0, colon);
  }
  if (const std::size_t slash = rest.find('/');
      slash != std::string_view::npos && looks_like_registry(rest.substr(0, slash))) {
    const std::string_view registry = rest.substr(0, slash);
    if (!is_registry(registry))
      return refuse(text,
                    fmt::format("'{}' is not a registry's host or host:port", printable(registry, 100)));
    reference.registry = registry == "index.docker.io" ? k_docker_registry : registry;
    rest = rest.substr(slash + 1);
  }
  reference.repository = TRY(parse_repository(text, rest));
  if (reference.registry.empty() && reference.repository.size() == 64 && all_of(reference.repository, is_hex))
    return refuse(text, "64 hexadecimal digits are an image ID, not a name");
  // Docker Hub's own images: docker.io/alpine and docker.io/library/alpine are one name.
  if (reference.registry == k_docker_registry && !reference.repository.contains('/'))
    reference.repository.insert(0, "library/");
  const std::size_t registry_size = reference.registry.empty() ? 0 : reference.registry.size() + 1;
  if (registry_size + reference.repository.size() > k_name_limit)
    return refuse(text, fmt::format("registry and repository have more than {} characters", k_name_limit));
  return reference;
}

Reference Reference::with_default_tag() const {
  Reference result = *this;
  if (result.tag.empty() && !result.digest) result.tag = "latest";
  return result;
}

Reference Reference::with_local_registry() const {
  Reference result = *this;
  if (result.registry.empty()) result.registry = "localhost";
  return result;
}

std::string Reference::to_string() const {
  std::string text = registry.empty() ? repository : registry + "/" + repository;
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest->to_string();
  return text;
}

std::vector<Reference> local_candidates(const Reference& reference) {
  if (!reference.registry.empty()) return {reference};
  Reference docker = reference;
  docker.registry = k_docker_registry;
  if (!docker.repository.contains('/')) docker.repository.insert(0, "library/");
  return {reference.with_local_registry(), docker};
}

}  // namespace ecrin::oci

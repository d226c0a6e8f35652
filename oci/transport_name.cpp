#include "oci/transport_name.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

struct Prefix {
  std::string_view word;
  Transport transport;
  bool has_path;
};
constexpr std::array k_prefixes = {
    Prefix{"docker://", Transport::registry, false},
    Prefix{"oci:", Transport::layout, true},
    Prefix{"oci-archive:", Transport::layout_archive, true},
    Prefix{"docker-archive:", Transport::docker_archive, true},
    Prefix{"dir:", Transport::directory, true},
    Prefix{"containers-storage:", Transport::containers_storage, false},
};
constexpr const char* k_known =
    "docker://, oci:, oci-archive:, docker-archive:, dir:, containers-storage:, or a name in the store";

}  // namespace

Result<TransportName> TransportName::parse(std::string_view text) {
  const auto prefix = std::find_if(k_prefixes.begin(), k_prefixes.end(),
                                   [&](const Prefix& known) { return text.starts_with(known.word); });
  TransportName name;
  if (prefix == k_prefixes.end()) {
    const std::size_t colon = text.find(':');
    // "docker:debian", "docker-daemon:x", "tarball:/x": no image name looks like the last two, and the first
    // is a slip.
    if (text.find("://") != std::string_view::npos || text.starts_with("docker:") ||
        text.starts_with("docker-daemon:") || text.starts_with("ostree:") ||
        (colon != std::string_view::npos && text.substr(colon + 1).starts_with('/')))
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("unknown transport in '{}'", printable(text, 300)))
              .hint(fmt::format("one of {}", k_known)));
    if (text.empty()) return fail(ErrorKind::invalid, "an image name is empty");
    name.reference = text;
    return name;
  }
  name.transport = prefix->transport;
  const std::string_view rest = text.substr(prefix->word.size());
  if (!prefix->has_path) {
    name.reference = rest;
  } else if (name.transport == Transport::directory) {
    name.path = rest;  // one image: there is nothing to name
  } else {
    const std::size_t colon = rest.find(':');
    name.path = rest.substr(0, colon);
    if (colon != std::string_view::npos) name.reference = rest.substr(colon + 1);
  }
  if (prefix->has_path ? name.path.empty() : name.reference.empty())
    return fail(ErrorKind::invalid, "'{}' names no {}", printable(text, 300),
                prefix->has_path ? "file or directory" : "image");
  return name;
}

std::string TransportName::to_string() const {
  for (const Prefix& prefix : k_prefixes)
    if (prefix.transport == transport)
      return std::string(prefix.word) + path + (path.empty() || reference.empty() ? "" : ":") + reference;
  return reference;
}

}  // namespace ecrin::oci

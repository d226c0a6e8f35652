// Reference: the name of an image: [registry/]repository[:tag][@digest] (distribution-spec, docker's
// grammar).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "oci/digest.hpp"

namespace ecrin::oci {

struct Reference {
  std::string registry;  // "localhost", "registry.example:5000"; "" = a short name
  std::string repository;
  std::string tag;  // "" when only a digest is given
  std::optional<Digest> digest;

  static Result<Reference> parse(std::string_view text);
  /// Tag defaults to "latest" when there is neither tag nor digest.
  Reference with_default_tag() const;
  /// A short name made full with "localhost" (what -t does, as podman does).
  Reference with_local_registry() const;
  std::string to_string() const;
  bool operator==(const Reference&) const = default;
};

/// Is this a registry's host or host:port?
bool is_registry_name(std::string_view text);

/// The full names that a short name may mean in the local store, in the order in which they are tried:
/// localhost/NAME, docker.io/library/NAME (one component) or docker.io/NAME.
std::vector<Reference> local_candidates(const Reference& reference);

}  // namespace ecrin::oci

// From an image's name to the servers that may have it: short names become full ones, mirrors come before the
// registry, prefixes are replaced by locations, all as registries.conf says. Pure.
#pragma once

#include <string>
#include <vector>

#include "oci/reference.hpp"
#include "oci/registry/registries_conf.hpp"

namespace ecrin::oci {

struct Endpoint {
  Reference reference;          // as it is called there
  std::string host;             // of the API: host[:port]
  bool insecure = false;        // https without verification, then plain http
  bool mirror = false;          // what it lacks may be at the next
  bool by_digest_only = false;  // a mirror that is asked for digests only
};

/// The full names that a short name may mean in registries, in the order in which they are tried; a full name
/// means itself. Not empty.
Result<std::vector<Reference>> remote_candidates(const RegistriesConf& conf, const Reference& reference);

/// Where a full name is read from, in order: mirrors, then the registry. A blocked one is ErrorKind::denied.
Result<std::vector<Endpoint>> pull_endpoints(const RegistriesConf& conf, const Reference& reference);
/// Where it is written to: the registry itself under the name as it is, never a mirror.
Result<Endpoint> push_endpoint(const RegistriesConf& conf, const Reference& reference);

}  // namespace ecrin::oci

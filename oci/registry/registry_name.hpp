// Names of registries, as people and other tools write them. Docker Hub is the one registry that has several:
// images call it docker.io, docker's credential files https://index.docker.io/v1/, and its API is served by
// another host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::oci {

inline constexpr std::string_view k_docker_hub = "docker.io";
/// What docker calls Docker Hub in credential files and towards credential helpers.
inline constexpr std::string_view k_docker_hub_key = "https://index.docker.io/v1/";

/// Other names of Docker Hub become docker.io; all others stay.
std::string canonical_registry(std::string_view registry);
/// The host[:port] that serves the registry's API.
std::string api_host(std::string_view registry);
/// localhost, 127.0.0.0/8 and [::1], with or without a port: plain http is allowed there, as docker has it.
bool is_loopback_registry(std::string_view registry);

/// What credentials are for: a registry, or a part of one.
struct CredentialKey {
  std::string registry;  // "docker.io", "registry.example:5000"
  std::string path;      // "" = the whole registry; "team", "team/app"

  /// What a user types: host[:port][/path]. "https://" before and a "/" or "/v1/" behind it are taken away.
  static Result<CredentialKey> parse(std::string_view text);
  std::string to_string() const { return path.empty() ? registry : registry + "/" + path; }
  /// Itself, then each shorter path, then the registry alone.
  std::vector<std::string> candidates() const;
  bool operator==(const CredentialKey&) const = default;
};

/// The registry that a key of a credential file means when it means a whole one, in any spelling:
/// "https://host/v1/", "host". "" when it is for a part of a registry.
std::string registry_of_key(std::string_view key);

}  // namespace ecrin::oci

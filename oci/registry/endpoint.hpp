// RegistryEndpoint: one server that speaks for a registry: the registry itself or a mirror of it.
#pragma once

#include <string>

#include "oci/registry/http.hpp"

namespace ecrin::oci {

struct RegistryEndpoint {
  std::string url;       // "https://registry-1.docker.io", "http://localhost:5000": scheme, host, port
  std::string registry;  // the name that credentials and messages go by: "docker.io", "localhost:5000"
  TlsSettings tls;
};

}  // namespace ecrin::oci

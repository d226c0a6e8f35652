// Certificates of registries, found as podman and docker have them (containers-certs.d(5)): a directory for
// each host with CAs (*.crt) and the client's own (*.cert with *.key).
#pragma once

#include <string>
#include <vector>

#include "oci/registry/http.hpp"

namespace ecrin::oci {

struct CertificatePlaces {
  std::string chosen;  // --cert-dir: the files themselves, for every host; "" = not given
  std::vector<std::string>
      directories;  // with a directory HOST[:PORT] for each; the first that has it counts
};
/// `config_directory`: $XDG_CONFIG_HOME or ~/.config; "" = none.
CertificatePlaces certificate_places(const std::string& chosen, const std::string& config_directory);

/// For the registry of this name ("docker.io", "host:5000"). Files are only named here; who connects reads
/// them.
Result<TlsSettings> find_certificates(const CertificatePlaces& places, const std::string& registry);

}  // namespace ecrin::oci

// registries.conf and what follows from it for an image: each place is a registry's, and without a scheme.
#include "oci/registry/registries_conf.hpp"

#include "oci/reference.hpp"
#include "oci/registry/image_endpoints.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ecrin::fuzz::MemoryFile file(ecrin::fuzz::text_of(data, size));
  const auto conf =
      load_registries_conf({.chosen = file.path(), .usual = {}, .directories = {}, .aliases = {}});
  if (!conf) return 0;
  for (const RegistryRule& rule : conf->rules) {
    require(!rule.prefix.empty() && !rule.location.contains("://"));
    for (const RegistryMirror& mirror : rule.mirrors) require(!mirror.location.empty());
  }
  for (const auto& [name, target] : conf->aliases) {
    const auto full = Reference::parse(target);
    require(full && !full->registry.empty());
  }
  for (const char* name :
       {"debian", "team/app:1", "docker.io/library/debian:12", "registry.example:5000/a/b"}) {
    const auto candidates = remote_candidates(*conf, Reference::parse(name).value());
    if (!candidates) continue;
    for (const Reference& candidate : *candidates) {
      require(!candidate.registry.empty());
      (void)pull_endpoints(*conf, candidate);
      (void)push_endpoint(*conf, candidate);
    }
  }
  return 0;
}

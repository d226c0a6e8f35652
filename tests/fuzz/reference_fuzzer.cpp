// Names: what is accepted as one is written and read again as the same, and leads nowhere as a path.
#include "oci/reference.hpp"

#include "oci/platform.hpp"
#include "oci/registry/registry_name.hpp"
#include "oci/transport_name.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

namespace {

bool climbs(std::string_view path) {
  return ("/" + std::string(path) + "/").contains("/../");
}

void check_reference(std::string_view text) {
  const auto reference = Reference::parse(text);
  if (!reference) return;
  const auto again = Reference::parse(reference->to_string());
  require(again && *again == *reference);
  require(!reference->repository.empty() && !climbs(reference->repository) &&
          !reference->repository.starts_with('/'));
  require(reference->tag.size() <= 128 && reference->tag.find_first_of("/:@ \n") == std::string::npos);
  require(reference->registry.empty() || is_registry_name(reference->registry));
  for (const Reference& candidate : local_candidates(*reference)) {
    const auto full = Reference::parse(candidate.to_string());
    require(full && *full == candidate && !full->registry.empty());
  }
  require(!reference->with_default_tag().to_string().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  check_reference(text);
  if (const auto name = TransportName::parse(text)) {
    const auto again = TransportName::parse(name->to_string());
    require(again && again->to_string() == name->to_string() && again->transport == name->transport);
  }
  if (const auto platform = Platform::parse(text)) {
    const auto again = Platform::parse(platform->to_string());
    require(again && *again == *platform);
  }
  if (const auto key = CredentialKey::parse(text)) {
    const auto again = CredentialKey::parse(key->to_string());
    require(again && *again == *key);
    require(key->candidates().front() == key->to_string() && key->candidates().back() == key->registry);
  }
  (void)registry_of_key(text);
  (void)is_loopback_registry(text);
  return 0;
}

#include <map>
#include <mutex>

#include "oci/runtime_config.hpp"
#include "run/embedded.hpp"
#include "run/seccomp/seccomp.hpp"
#include "run/seccomp/seccomp_profile.hpp"

namespace ecrin::run {

Result<std::string> seccomp_filter(CapabilitySet capabilities) {
  // Capabilities that no rule asks for make no difference, so most sets have the default's filter.
  const CapabilitySet relevant = capabilities & seccomp_profile::relevant_capabilities();
  static const CapabilitySet ready =
      parse_capabilities(oci::default_capabilities()).value_or(0) & seccomp_profile::relevant_capabilities();
  if (relevant == ready) {
    const std::span<const std::byte> bytes = embedded_seccomp_filter();
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  static std::mutex mutex;
  static std::map<CapabilitySet, std::string> compiled;
  const std::scoped_lock lock(mutex);
  auto found = compiled.find(relevant);
  if (found == compiled.end())
    found = compiled.emplace(relevant, TRY(compile_seccomp_filter(relevant))).first;
  return found->second;
}

}  // namespace ecrin::run

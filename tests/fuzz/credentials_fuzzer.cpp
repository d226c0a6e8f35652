// auth.json, docker's config.json and .dockercfg. No helper program is ever found, so none is executed.
#include "oci/registry/credential_file.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ecrin::fuzz::MemoryFile memory(ecrin::fuzz::text_of(data, size));
  const HelperSettings helpers{.search_path = "/nonexistent"};
  for (const auto format : {CredentialPlace::Format::object, CredentialPlace::Format::legacy}) {
    const auto file = CredentialFile::read(
        {.path = memory.path(), .format = format, .origin = CredentialPlace::Origin::chosen});
    if (!file) continue;
    require(file->has_value());
    (void)(*file)->exposed();
    for (const char* key : {"docker.io", "registry.example:5000/team/app", "localhost"}) {
      const auto found = (*file)->find(CredentialKey::parse(key).value(), helpers);
      if (found && *found)
        require(!(*found)->identity_token.empty() ||
                (!(*found)->username.empty() && !(*found)->password.empty()));
    }
  }
  return 0;
}

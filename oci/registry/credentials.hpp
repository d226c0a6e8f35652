// CredentialStore: where a user's credentials for registries are found and kept, in the files and with the
// helper programs that podman, skopeo, buildah and docker use (containers-auth.json(5)).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "oci/registry/credential_file.hpp"

namespace ecrin::oci {

/// What decides where the files are. cli/ fills it in from flags and environment; "" = not given.
struct CredentialEnvironment {
  std::string authfile;           // --authfile, else $REGISTRY_AUTH_FILE: the only file then
  std::string runtime_directory;  // $XDG_RUNTIME_DIR
  std::string config_directory;   // $XDG_CONFIG_HOME, else ~/.config
  std::string docker_directory;   // $DOCKER_CONFIG, else ~/.docker
  std::string home;
  unsigned user = 0;  // the real one, outside of any namespace
};
struct CredentialPlaces {
  std::vector<CredentialPlace> files;  // in the order in which they are asked
  CredentialPlace login;               // where a login writes
};
Result<CredentialPlaces> credential_places(const CredentialEnvironment& environment);

/// The word for the files above among the helpers of registries.conf.
inline constexpr const char* k_auth_files = "containers-auth.json";

class CredentialStore {
public:
  /// `helpers`: credential-helpers of registries.conf; each is a program, or k_auth_files.
  CredentialStore(CredentialPlaces places, HelperSettings settings,
                  std::vector<std::string> helpers = {k_auth_files});

  struct Found {
    Credentials credentials;
    std::string where;  // a file or a program, for messages
  };
  /// Empty: anonymous. Safe from any thread.
  Result<std::optional<Found>> find(const CredentialKey& key) const;
  /// For clients that ask by registry and repository.
  CredentialsLookup lookup() const;

  /// Returns where they are now.
  Result<std::string> store(const CredentialKey& key, const Credentials& credentials) const;
  /// Takes them from where store() puts them. false: there were none.
  Result<bool> erase(const CredentialKey& key) const;
  Result<> erase_all() const;

private:
  struct State;
  Result<std::optional<Found>> find_in_files(const CredentialKey& key) const;
  Result<std::string> store_in_file(const CredentialKey& key, const Credentials& credentials) const;
  Result<bool> erase_from_file(const CredentialKey& key) const;
  std::shared_ptr<State> m_state;
};

}  // namespace ecrin::oci

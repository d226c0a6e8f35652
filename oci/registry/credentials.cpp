#include "oci/registry/credentials.hpp"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "base/base64.hpp"
#include "base/defer.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::oci {

using Write = CredentialFile::Write;

struct CredentialStore::State {
  CredentialPlaces places;
  HelperSettings settings;
  std::vector<std::string> helpers;
  std::mutex mutex;
  std::set<std::string> warned;  // files that others can read: said once
};

namespace {

bool is_directory(const std::string& path) {
  const auto fd = posix::open(path, O_PATH | O_DIRECTORY);
  return fd.has_value();
}

// The entry of a registry may be there in docker's spelling: it keeps it, so that docker finds it too.
std::string entry_name(const Json& entries, const CredentialKey& key) {
  const std::string usual = key.to_string();
  if (!key.path.empty() || entries.contains(usual)) return usual;
  for (const auto& [name, entry] : entries.items()) {
    if (registry_of_key(name) == key.registry) return name;
  }
  return usual;
}

Result<Json*> entries_for_change(Json& document) {
  Json& entries = document["auths"];
  if (entries.is_null()) entries = Json::object();
  if (!entries.is_object())
    return fail(ErrorKind::invalid, "'auths' in the file with credentials is not an object");
  return &entries;
}

Json make_entry(const Credentials& credentials) {
  Json entry = Json::object();
  std::string pair = credentials.username + ":" + std::string(credentials.password.reveal());
  entry["auth"] = encode_base64(pair);
  wipe(pair);
  if (!credentials.identity_token.empty()) entry["identitytoken"] = credentials.identity_token.reveal();
  return entry;
}

Result<> store_with(const CredentialHelper& helper, const CredentialKey& key,
                    const Credentials& credentials) {
  if (!key.path.empty()) {
    return std::unexpected(Error(ErrorKind::unsupported,
                                 fmt::format("'{}' keeps credentials of whole registries only, not of '{}'",
                                             helper.program(), key.to_string()))
                               .hint("log in to '" + key.registry + "', or choose a file with --authfile"));
  }
  return helper.store(server_names(key.registry).front(), credentials);
}

Result<bool> erase_with(const CredentialHelper& helper, const std::string& registry) {
  bool erased = false;
  for (const std::string& server : server_names(registry)) {
    // Asked first: many helpers say nothing when they erase what they do not have.
    if (TRY(helper.get(server)) && TRY(helper.erase(server)) == CredentialHelper::Erased::yes) erased = true;
  }
  return erased;
}

}  // namespace

Result<CredentialPlaces> credential_places(const CredentialEnvironment& environment) {
  using Format = CredentialPlace::Format;
  CredentialPlaces result;
  if (!environment.authfile.empty()) {
    result.login = {.path = environment.authfile, .origin = CredentialPlace::Origin::chosen};
    result.files = {result.login};
    return result;
  }
  const auto add = [&result](const std::string& directory, const char* name, Format format = Format::object) {
    if (directory.starts_with('/')) result.files.push_back({.path = directory + name, .format = format});
  };
  const std::string runtime = environment.runtime_directory.starts_with('/')
                                  ? environment.runtime_directory + "/containers"
                                  : fmt::format("/run/containers/{}", environment.user);
  add(runtime, "/auth.json");
  add(environment.config_directory, "/containers/auth.json");
  add(environment.docker_directory, "/config.json");
  add(environment.home, "/.dockercfg", Format::legacy);
  // Where the runtime directory is not there (no login session), only root could make one.
  const bool has_runtime = environment.runtime_directory.starts_with('/')
                               ? is_directory(environment.runtime_directory)
                               : environment.user == 0;
  if (has_runtime) {
    result.login = result.files.front();
  } else if (environment.config_directory.starts_with('/')) {
    result.login = result.files[1];
  }
  return result;
}

CredentialStore::CredentialStore(CredentialPlaces places, HelperSettings settings,
                                 std::vector<std::string> helpers)
    : m_state(std::make_shared<State>()) {
  m_state->places = std::move(places);
  m_state->settings = std::move(settings);
  m_state->helpers = std::move(helpers);
}

Result<std::optional<CredentialStore::Found>> CredentialStore::find_in_files(const CredentialKey& key) const {
  for (const CredentialPlace& place : m_state->places.files) {
    const auto file = TRY(CredentialFile::read(place));
    if (!file) continue;
    if (file->exposed()) {
      const std::lock_guard lock(m_state->mutex);
      if (m_state->warned.insert(place.path).second) {
        log::warning("other users can read the credentials in '{}': chmod 600 hides them",
                     printable(place.path));
      }
    }
    if (auto found = TRY(file->find(key, m_state->settings)))
      return Found{.credentials = *std::move(found), .where = place.path};
  }
  return std::nullopt;
}

Result<std::optional<CredentialStore::Found>> CredentialStore::find(const CredentialKey& key) const {
  for (const std::string& name : m_state->helpers) {
    if (name == k_auth_files) {
      if (auto found = TRY(find_in_files(key))) return found;
      continue;
    }
    const CredentialHelper helper = TRY(CredentialHelper::create(name, m_state->settings));
    for (const std::string& server : server_names(key.registry)) {
      if (auto found = TRY_WHILE(helper.get(server), "asking the credential helpers of registries.conf"))
        return Found{.credentials = *std::move(found), .where = helper.program()};
    }
  }
  return std::nullopt;
}

CredentialsLookup CredentialStore::lookup() const {
  return [store = *this](const std::string& registry,
                         const std::string& repository) -> Result<std::optional<Credentials>> {
    auto found = TRY_WHILE(store.find({.registry = canonical_registry(registry), .path = repository}),
                           "looking for the credentials of {}", printable(registry, 300));
    if (!found) return std::nullopt;
    log::debug("credentials for {} come from '{}'", registry, printable(found->where));
    return std::move(found->credentials);
  };
}

Result<std::string> CredentialStore::store_in_file(const CredentialKey& key,
                                                   const Credentials& credentials) const {
  const CredentialPlace& place = m_state->places.login;
  if (place.path.empty()) {
    return std::unexpected(
        Error(ErrorKind::not_found, "no place for credentials: neither XDG_RUNTIME_DIR nor HOME is set")
            .hint("choose a file with --authfile"));
  }
  std::string where = place.path;
  TRY(CredentialFile::update(place, [&](Json& document) -> Result<Write> {
    std::string name = TRY(helper_for(document, key.registry));
    const bool own = !name.empty();
    if (!own) name = TRY(common_helper(document));
    if (!name.empty()) {
      const CredentialHelper helper = TRY(CredentialHelper::create(name, m_state->settings));
      TRY(store_with(helper, key, credentials));
      where = helper.program();
      if (own) return Write::no;
    }
    Json& entries = *TRY(entries_for_change(document));
    const std::string entry = name.empty() || key.registry != k_docker_hub ? entry_name(entries, key)
                                                                           : std::string(k_docker_hub_key);
    // docker lists in the file what its credsStore keeps, as an empty entry.
    entries[entry] = name.empty() ? make_entry(credentials) : Json::object();
    return Write::yes;
  }));
  return where;
}

Result<std::string> CredentialStore::store(const CredentialKey& key, const Credentials& credentials) const {
  if (credentials.username.contains(':'))
    return fail(ErrorKind::invalid, "a user name cannot have a ':' in it");
  for (const std::string& name : m_state->helpers) {
    if (name == k_auth_files) return store_in_file(key, credentials);
    // A helper that cannot keep a part of a registry leaves it to the next.
    if (!key.path.empty() && name != m_state->helpers.back()) continue;
    const CredentialHelper helper = TRY(CredentialHelper::create(name, m_state->settings));
    TRY(store_with(helper, key, credentials));
    return helper.program();
  }
  return store_in_file(key, credentials);
}

Result<bool> CredentialStore::erase_from_file(const CredentialKey& key) const {
  const CredentialPlace& place = m_state->places.login;
  if (place.path.empty() || !TRY(CredentialFile::read({.path = place.path}))) return false;
  bool erased = false;
  TRY(CredentialFile::update(place, [&](Json& document) -> Result<Write> {
    std::set<std::string> names;
    names.insert(TRY(helper_for(document, key.registry)));
    names.insert(TRY(common_helper(document)));
    names.erase("");
    for (const std::string& name : names) {
      if (!key.path.empty()) break;
      const CredentialHelper helper = TRY(CredentialHelper::create(name, m_state->settings));
      if (TRY(erase_with(helper, key.registry))) erased = true;
    }
    Json& entries = *TRY(entries_for_change(document));
    std::vector<std::string> gone;
    for (const auto& [name, entry] : entries.items()) {
      const bool matches = key.path.empty() ? registry_of_key(name) == key.registry : name == key.to_string();
      if (matches) gone.push_back(name);
    }
    for (const std::string& name : gone) {
      SecretJson dropped(std::move(entries[name]));  // wiped
      entries.erase(name);
    }
    if (!gone.empty()) erased = true;
    return gone.empty() ? Write::no : Write::yes;
  }));
  return erased;
}

Result<bool> CredentialStore::erase(const CredentialKey& key) const {
  bool erased = false;
  for (const std::string& name : m_state->helpers) {
    if (name == k_auth_files) {
      if (TRY(erase_from_file(key))) erased = true;
    } else if (key.path.empty()) {
      const CredentialHelper helper = TRY(CredentialHelper::create(name, m_state->settings));
      if (TRY(erase_with(helper, key.registry))) erased = true;
    }
  }
  return erased;
}

Result<> CredentialStore::erase_all() const {
  const CredentialPlace& place = m_state->places.login;
  if (place.path.empty() || !TRY(CredentialFile::read({.path = place.path}))) return {};
  return CredentialFile::update(place, [&](Json& document) -> Result<Write> {
    const Json* helpers = TRY(json_object(document, "credHelpers", "the file with credentials"));
    std::set<std::string> registries;
    if (helpers != nullptr) {
      for (const auto& [key, ignored] : helpers->items()) registries.insert(registry_of_key(key));
    }
    registries.erase("");
    for (const std::string& registry : registries) {
      const std::string name = TRY(helper_for(document, registry));
      TRY(erase_with(TRY(CredentialHelper::create(name, m_state->settings)), registry));
    }
    Json& entries = *TRY(entries_for_change(document));
    if (const std::string name = TRY(common_helper(document)); !name.empty()) {
      const CredentialHelper helper = TRY(CredentialHelper::create(name, m_state->settings));
      for (const auto& [key, ignored] : entries.items()) {
        if (const std::string registry = registry_of_key(key); !registry.empty())
          TRY(erase_with(helper, registry));
      }
    }
    SecretJson dropped(std::move(entries));  // wiped
    entries = Json::object();
    return Write::yes;
  });
}

}  // namespace ecrin::oci

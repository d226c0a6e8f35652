// CredentialFile: one file with credentials: containers' auth.json, docker's config.json, or docker's old
// .dockercfg. Read whole at once; written whole or not at all, with everything in it that is not known here.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "oci/registry/credential_helper.hpp"
#include "oci/registry/registry_name.hpp"
#include "oci/registry/secret_json.hpp"

namespace ecrin::oci {

struct CredentialPlace {
  std::string path;
  enum class Format { object, legacy };  // legacy: .dockercfg, nothing but the entries
  Format format = Format::object;
  enum class Origin { usual, chosen };  // chosen by the user: it must be there and readable
  Origin origin = Origin::usual;
  bool operator==(const CredentialPlace&) const = default;
};

class CredentialFile {
public:
  /// Empty when it is not there (or, at a usual place, belongs to somebody else).
  static Result<std::optional<CredentialFile>> read(const CredentialPlace& place);

  /// What it says for `key`, by helper or by entry; the most specific wins.
  Result<std::optional<Credentials>> find(const CredentialKey& key, const HelperSettings& helpers) const;
  /// Does it hold secrets that other users of the machine can read?
  bool exposed() const;

  /// Changes the file under a lock. `change` gets its document (an empty object when there is no file) and
  /// says whether to write it.
  enum class Write { no, yes };
  static Result<> update(const CredentialPlace& place, const std::function<Result<Write>(Json&)>& change);

private:
  CredentialFile(CredentialPlace place, SecretJson document, unsigned mode)
      : m_place(std::move(place)), m_document(std::move(document)), m_mode(mode) {}
  const Json* entries() const;
  Result<std::optional<Credentials>> find_entry(const CredentialKey& key) const;
  Result<std::optional<Credentials>> find_in_store(const CredentialKey& key,
                                                   const HelperSettings& helpers) const;

  CredentialPlace m_place;
  SecretJson m_document;
  unsigned m_mode = 0;
};

/// The helper that a document names for a registry (credHelpers, in any spelling of it), or for all
/// (credsStore). "" = none.
Result<std::string> helper_for(const Json& document, const std::string& registry);
Result<std::string> common_helper(const Json& document);
/// What helpers call a registry: docker's own name of Docker Hub first.
std::vector<std::string> server_names(const std::string& registry);

}  // namespace ecrin::oci

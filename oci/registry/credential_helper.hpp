// Credential helpers: programs docker-credential-NAME that keep secrets for docker and its relatives (in a
// key ring, at a cloud provider). The protocol is that of docker-credential-helpers: one word as argument, a
// server's name or JSON on standard input, JSON on standard output.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "oci/registry/credentials_value.hpp"

namespace ecrin::oci {

struct HelperSettings {
  std::string search_path;                        // where the programs are
  std::chrono::milliseconds timeout{5 * 60'000};  // long: a helper may ask the user for a passphrase
};

class CredentialHelper {
public:
  /// `name` is the part after "docker-credential-". What could name another program is refused.
  static Result<CredentialHelper> create(const std::string& name, const HelperSettings& settings);

  const std::string& program() const { return m_program; }
  bool installed() const;
  /// Empty when it has none for this server: that is no error.
  Result<std::optional<Credentials>> get(const std::string& server) const;
  Result<> store(const std::string& server, const Credentials& credentials) const;
  enum class Erased { no, yes };
  Result<Erased> erase(const std::string& server) const;

private:
  CredentialHelper(std::string program, HelperSettings settings)
      : m_program(std::move(program)), m_settings(std::move(settings)) {}
  Result<std::optional<std::string>> run(const std::string& verb, std::string_view input,
                                         const std::string& server) const;
  std::string m_program;
  HelperSettings m_settings;
};

}  // namespace ecrin::oci

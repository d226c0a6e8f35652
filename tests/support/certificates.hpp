// Certificates for tests, made by the openssl program: a CA of the test's own, and what it signs.
#pragma once

#include <string>

namespace ecrin::tests {

struct CertificateFiles {
  std::string certificate;
  std::string key;
};

/// PEM files in `directory`. Throws when the program fails.
class TestAuthority {
public:
  explicit TestAuthority(std::string directory);
  const std::string& certificate() const { return m_files.certificate; }
  /// `names` as of subjectAltName: "IP:127.0.0.1,DNS:registry.example".
  CertificateFiles sign(const std::string& name, const std::string& names) const;

private:
  std::string m_directory;
  CertificateFiles m_files;
};

}  // namespace ecrin::tests

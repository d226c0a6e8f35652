// DockerRegistry: Debian's docker-registry, the registry that most others descend from, on 127.0.0.1 at a
// port of its own, with its files in a temporary directory. Stopped when it goes out of scope.
#pragma once

#include <memory>
#include <string>

#include "tests/support/process.hpp"

namespace ecrin::tests {

struct DockerRegistryOptions {
  std::string username;  // htpasswd authentication; "" = none
  std::string password;
  std::string certificate;  // TLS; "" = plain
  std::string key;
  bool deletes = true;
};

class DockerRegistry {
public:
  /// Is the program there (and htpasswd, which authentication needs)?
  static bool installed();
  /// `directory` must be empty and belongs to the registry from here on.
  DockerRegistry(const std::string& directory, const DockerRegistryOptions& options);

  std::string host() const { return "127.0.0.1:" + m_port; }
  std::string url() const { return m_scheme + "://" + host(); }

private:
  std::string m_scheme = "http";
  std::string m_port;
  std::unique_ptr<Running> m_program;
};

}  // namespace ecrin::tests

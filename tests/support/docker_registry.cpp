#include "tests/support/docker_registry.hpp"

#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace ecrin::tests {

namespace {

std::string configuration(const std::string& directory, const DockerRegistryOptions& options) {
  std::string text = "version: 0.1\nlog: {level: info}\nstorage:\n  filesystem: {rootdirectory: '" +
                     directory + "/data'}\n  delete: {enabled: " + (options.deletes ? "true" : "false") +
                     "}\nhttp:\n  addr: '127.0.0.1:0'\n";
  if (!options.certificate.empty())
    text += "  tls: {certificate: '" + options.certificate + "', key: '" + options.key + "'}\n";
  if (!options.username.empty())
    text += "auth:\n  htpasswd: {realm: test, path: '" + directory + "/htpasswd'}\n";
  return text;
}

/// "listening on 127.0.0.1:PORT" and something after it; "" = not yet.
std::string port_in(const std::string& log) {
  const std::string mark = "listening on 127.0.0.1:";
  std::ifstream file(log);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t place = text.find(mark);
  if (place == std::string::npos) return "";
  const std::size_t start = place + mark.size();
  const std::size_t end = text.find_first_not_of("0123456789", start);
  return end == std::string::npos ? "" : text.substr(start, end - start);
}

}  // namespace

bool DockerRegistry::installed() {
  return run(host_command({"docker-registry", "--version"})) &&
         run(host_command({"htpasswd", "-nbB", "a", "b"}));
}

DockerRegistry::DockerRegistry(const std::string& directory, const DockerRegistryOptions& options) {
  if (!options.certificate.empty()) m_scheme = "https";
  if (!options.username.empty()) {
    const Outcome made = run(host_command({"htpasswd", "-nbB", options.username, options.password}));
    if (!made) throw std::runtime_error(made.description);
    std::ofstream(directory + "/htpasswd") << made.out;
  }
  const std::string file = directory + "/config.yml";
  std::ofstream(file) << configuration(directory, options);
  // It says its port in its log.
  const std::string log = directory + "/log";
  m_program = std::make_unique<Running>(
      host_command({"sh", "-c", "exec docker-registry serve \"$0\" >\"$1\" 2>&1", file, log}));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (m_port.empty() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    m_port = port_in(log);
  }
  if (m_port.empty()) throw std::runtime_error("docker-registry does not say its port");
}

}  // namespace ecrin::tests

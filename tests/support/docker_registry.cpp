#include "tests/support/docker_registry.hpp"

#include <fstream>
#include <stdexcept>

namespace ecrin::tests {

namespace {

std::string configuration(const std::string& directory, const DockerRegistryOptions& options) {
  std::string text = "version: 0.1\nlog: {level: info}\nstorage:\n  filesystem: {rootdirectory: '" +
                     directory + "/data'}\n  delete: {enabled: true}\nhttp:\n  addr: '127.0.0.1:0'\n";
  if (!options.certificate.empty())
    text += "  tls: {certificate: '" + options.certificate + "', key: '" + options.key + "'}\n";
  if (!options.username.empty())
    text += "auth:\n  htpasswd: {realm: test, path: '" + directory + "/htpasswd'}\n";
  return text;
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
  // It says its port in its log, which goes to standard error.
  m_program = std::make_unique<Running>(host_command(
      {"sh", "-c", "exec docker-registry serve \"$0\" 2>&1 | tee \"$1\"", file, directory + "/log"}));
  if (!m_program->wait_for_output("listening on 127.0.0.1:") || !m_program->wait_for_output("version="))
    throw std::runtime_error("docker-registry does not start: " + m_program->wait().description);
  std::ifstream log(directory + "/log");
  std::string line;
  const std::string mark = "listening on 127.0.0.1:";
  while (m_port.empty() && std::getline(log, line))
    if (const std::size_t place = line.find(mark); place != std::string::npos)
      m_port = line.substr(place + mark.size(),
                           line.find_first_not_of("0123456789", place + mark.size()) - place - mark.size());
  if (m_port.empty()) throw std::runtime_error("docker-registry does not say its port");
}

}  // namespace ecrin::tests

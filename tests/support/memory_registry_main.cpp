// memory-registry: a registry for functional tests. Prints "port N" and "blob-port N" and runs until it is
// killed or its standard input ends. See usage() below.
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/registry_server.hpp"

namespace {

using namespace ecrin::tests;

int usage() {
  std::fprintf(
      stderr,
      "usage: memory-registry [OPTION...]\n"
      "  --basic            basic authentication (user ada, password lovelace)\n"
      "  --token            token authentication, with the token service at /token\n"
      "  --private          no tokens for nobody\n"
      "  --token-seconds N  how long tokens live\n"
      "  --other-host       blobs are redirected to the other port\n"
      "  --no-referrers     without the referrers API\n"
      "  --no-mounts        without cross-repository mounts\n"
      "  --chunk-minimum N  OCI-Chunk-Min-Length\n"
      "  --page N           entries of a list, at most\n"
      "  --fault NAME[:TIMES[:WHERE]]  (also: GET /_control/fault?name=&times=&where=)\n"
      "GET /_control/counts gives what happened, as JSON; /_control/forget starts counting again.\n");
  return 2;
}

/// NAME[:TIMES[:WHERE]]
bool order(MemoryRegistry& registry, const std::string& text) {
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string::npos ? first : text.find(':', first + 1);
  const auto fault = parse_fault(text.substr(0, first));
  if (!fault) return false;
  const int times = first == std::string::npos ? 1 : std::stoi(text.substr(first + 1, second - first - 1));
  registry.order(*fault, times, second == std::string::npos ? "" : text.substr(second + 1));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  MemoryRegistryOptions options;
  bool other_host = false;
  std::vector<std::string> faults;
  const std::map<std::string, std::function<void()>> flags = {
      {"--basic", [&] { options.authentication = MemoryRegistryOptions::Authentication::basic; }},
      {"--token", [&] { options.authentication = MemoryRegistryOptions::Authentication::token; }},
      {"--private", [&] { options.anonymous_pull = false; }},
      {"--other-host", [&] { other_host = true; }},
      {"--no-referrers", [&] { options.referrers = false; }},
      {"--no-mounts", [&] { options.mounts = false; }}};
  const std::map<std::string, std::function<void(const std::string&)>> values = {
      {"--token-seconds", [&](const std::string& value) { options.token_seconds = std::stoi(value); }},
      {"--chunk-minimum", [&](const std::string& value) { options.chunk_minimum = std::stoull(value); }},
      {"--page", [&](const std::string& value) { options.page = std::stoull(value); }},
      {"--fault", [&](const std::string& value) { faults.push_back(value); }}};
  for (int i = 1; i < argc; ++i) {
    if (const auto flag = flags.find(argv[i]); flag != flags.end())
      flag->second();
    else if (const auto value = values.find(argv[i]); value != values.end() && i + 1 < argc)
      value->second(argv[++i]);
    else
      return usage();
  }
  MemoryRegistry registry(options);
  RegistryServer server(registry);
  if (other_host)
    registry.change([&](MemoryRegistryOptions& changed) { changed.blob_host = server.blob_url(); });
  for (const std::string& fault : faults)
    if (!order(registry, fault)) return usage();
  std::printf("port %d\nblob-port %s\n", server.port(), server.blob_url().substr(17).c_str());
  std::fflush(stdout);
  char ignored[256];
  while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
  }
  return 0;
}

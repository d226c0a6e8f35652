#include "run/seccomp/seccomp_listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/unix_socket.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::run {
namespace {

// As the spec's seccompFdName says.
constexpr const char* k_descriptor_name = "seccompFd";

}  // namespace

Result<Fd> connect_seccomp_agent(const oci::SeccompConfig& config) {
  const std::string& path = config.listener_path;
  return TRY_WHILE(connect_unix_socket(path), "connecting to the listenerPath '{}' of linux.seccomp",
                   printable(path));
}

Result<std::string> seccomp_listener_state(const oci::SeccompConfig& config, pid_t pid,
                                           const std::string& state) {
  Json container = TRY(parse_json(state, "state of the container"));
  Json document = {{"ociVersion", oci::RuntimeConfig{}.version},
                   {"fds", Json::array({k_descriptor_name})},
                   {"pid", pid},
                   {"state", std::move(container)}};
  if (!config.listener_metadata.empty()) document["metadata"] = config.listener_metadata;
  return dump_json(document);
}

}  // namespace ecrin::run

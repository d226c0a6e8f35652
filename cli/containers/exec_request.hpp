// What `ecrin exec` asks a container's monitor for: the program and its surroundings, over the control
// socket.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::cli {

struct ExecRequest {
  std::vector<std::string> args;
  std::vector<std::string> env;  // "A=b"
  std::optional<std::string> user, workdir;
  bool terminal = false;
  bool privileged = false;
  bool detach = false;
  std::optional<oci::ConsoleSize> size;
};
Json encode_exec_request(const ExecRequest& request);
Result<ExecRequest> decode_exec_request(const Json& json);

}  // namespace ecrin::cli

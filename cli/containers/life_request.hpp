// What `ecrin run` and `ecrin create` say of a container's life: how it ends, whether it is started again,
// where its output goes, what is left of it.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "run/monitor/restart_policy.hpp"

namespace ecrin::cli {

struct LifeRequest {
  bool remove = false;  // at its end
  run::RestartPolicy restart;
  std::optional<int> stop_signal;  // none: the image's, else SIGTERM
  std::chrono::seconds stop_timeout{10};
  std::map<std::string, std::string> labels;
  std::uint64_t log_size = 0;  // bound of the log's file; 0: no log
};

std::vector<Flag> life_flags();
Result<LifeRequest> life_request(const Arguments& arguments);

/// "10", or "1m30s"; negative: a year.
Result<std::chrono::seconds> parse_stop_timeout(const std::string& text);

}  // namespace ecrin::cli

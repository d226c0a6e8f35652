// What `ecrin run` and `ecrin create` say of a container's life: how it ends, whether it is started again,
// where its output goes, what is left of it.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "oci/image_config.hpp"
#include "run/monitor/health_check.hpp"
#include "run/monitor/restart_policy.hpp"

namespace ecrin::cli {

struct LifeRequest {
  bool remove = false;  // at its end
  run::RestartPolicy restart;
  std::optional<int> stop_signal;  // none: the image's, else SIGTERM
  std::chrono::seconds stop_timeout{10};
  std::map<std::string, std::string> labels;
  std::string pid_file;          // gets the number of the container's first process; "" = none
  std::string monitor_pid_file;  // the same of its monitor
  std::uint64_t log_size = 0;    // bound of the log's file; 0: no log
  bool no_health_check = false;
  std::optional<std::vector<std::string>> health_command;  // none: the image's
  std::optional<std::chrono::milliseconds> health_interval, health_timeout, health_start_period;
  std::optional<unsigned> health_retries;
};

std::vector<Flag> life_flags();
Result<LifeRequest> life_request(const Arguments& arguments);

/// What the image and the flags say together.
run::HealthCheck health_check(const LifeRequest& life, const oci::ImageConfig& image);

/// "10", or "1m30s"; negative: a year.
Result<std::chrono::seconds> parse_stop_timeout(const std::string& text);

}  // namespace ecrin::cli

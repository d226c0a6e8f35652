// What becomes of a container whose program ended. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::run {

struct RestartPolicy {
  enum class Kind { no, on_failure, always, unless_stopped };
  Kind kind = Kind::no;
  std::optional<unsigned> most;  // on_failure: restarts in a row
  bool operator==(const RestartPolicy&) const = default;
};

/// "no", "never", "on-failure[:N]", "always", "unless-stopped"
Result<RestartPolicy> parse_restart_policy(std::string_view text);
std::string to_string(const RestartPolicy& policy);

/// Is the program started again? `restarts`: how often it was already. One that the user stopped never is.
bool restarts_after(const RestartPolicy& policy, int exit_code, unsigned restarts);
/// How long to wait before it: 100 ms, doubled each time up to a minute; from the beginning again when the
/// program ran for ten seconds.
std::chrono::milliseconds restart_delay(std::chrono::milliseconds last_delay,
                                        std::chrono::milliseconds ran_for);

}  // namespace ecrin::run

#include "run/monitor/health_check.hpp"

namespace ecrin::run {

void note_check(ContainerState& state, const HealthCheck& check, CheckResult result,
                std::chrono::milliseconds age) {
  if (result == CheckResult::passed) {
    state.failing = 0;
    state.health = k_healthy;
    return;
  }
  // It may still be starting: nobody is told that it is not well.
  if (age < check.start_period && state.health == k_starting) return;
  ++state.failing;
  if (state.failing >= check.retries) state.health = k_unhealthy;
}

}  // namespace ecrin::run

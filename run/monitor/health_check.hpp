// Health checks: a program that is run in a container again and again, and what its exit codes say.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "run/monitor/container_record.hpp"

namespace ecrin::run {

struct HealthCheck {
  std::vector<std::string> args;  // none: nothing is checked
  std::chrono::milliseconds interval{30'000};
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds start_period{0};  // in which failures do not count
  unsigned retries = 3;                       // failures in a row that make it unhealthy
  bool operator==(const HealthCheck&) const = default;
};

inline constexpr std::string_view k_starting = "starting";
inline constexpr std::string_view k_healthy = "healthy";
inline constexpr std::string_view k_unhealthy = "unhealthy";

enum class CheckResult { passed, failed };
/// The container's health after one more check, `age` after its start.
void note_check(ContainerState& state, const HealthCheck& check, CheckResult result,
                std::chrono::milliseconds age);

}  // namespace ecrin::run

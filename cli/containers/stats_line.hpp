// One line of `ecrin stats`: what a container uses, as people read it and as templates name it. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/json.hpp"
#include "run/monitor/container_record.hpp"
#include "run/monitor/container_usage.hpp"

namespace ecrin::cli {

/// Two looks at one container, some time apart.
struct UsagePair {
  std::optional<run::ContainerUsage> before;  // none: since its start
  std::optional<run::ContainerUsage> now;     // none: it does not run
};
/// The fields of templates: ID, Name, CPUPerc, MemUsage ...; texts, "--" for what is not known, and numbers
/// beside them.
Json stats_row(const run::StoredContainer& record, const UsagePair& usage, bool whole_id);
/// The same in podman's JSON.
Json stats_document(const Json& row);

/// Hundredths of a processor between the two; none when it cannot be said.
std::optional<double> cpu_percent(const UsagePair& usage);
/// "812.4ms", "3.2s", "1m12s"
std::string cpu_time(std::uint64_t nanoseconds);

}  // namespace ecrin::cli

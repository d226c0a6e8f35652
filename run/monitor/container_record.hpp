// StoredContainer: what is known of a container beside its files. A plain value; container_table.hpp keeps
// it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "run/network/published_port.hpp"

namespace ecrin::run {

/// The times of a container: nanoseconds since 1970.
inline std::int64_t nanoseconds_now() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
}

enum class LifeStatus { created, running, paused, stopping, restarting, exited };
std::string_view to_string(LifeStatus status);
std::optional<LifeStatus> parse_status(std::string_view word);

struct ContainerState {
  LifeStatus status = LifeStatus::created;
  int exit_code = 0;
  std::int64_t started = 0, finished = 0;  // nanoseconds since 1970; 0 = never
  pid_t pid = 0;                           // of its first process, as the host counts
  pid_t monitor = 0;
  bool out_of_memory = false;
  unsigned restarts = 0;             // by its policy, since it was started
  std::string error;                 // why the last start failed
  std::string health;                // "" = nothing checks it, "starting", "healthy", "unhealthy"
  unsigned failing = 0;              // health checks in a row
  std::vector<PublishedPort> ports;  // as they were chosen when it was started last
  bool operator==(const ContainerState&) const = default;
};

struct StoredContainer {
  std::string id;  // 64 hexadecimal digits
  std::string name;
  std::int64_t created = 0;         // nanoseconds since 1970
  std::string image;                // as the user named it; "" = a directory of the user's
  std::string image_id;             // "sha256:..."
  std::string manifest;             // digest
  std::vector<std::string> layers;  // directory ids, bottom first
  std::map<std::string, std::string> labels;
  std::string request;  // JSON: all that it takes to start it
  ContainerState state;
};

}  // namespace ecrin::run

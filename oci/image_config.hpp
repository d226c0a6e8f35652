// ImageConfig: the image's own description (image-spec config.md, with docker's Healthcheck, Shell and
// OnBuild). An immutable value: parsed from bytes, or made and serialised once. The digest of its bytes is
// the ImageId.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "oci/digest.hpp"
#include "oci/platform.hpp"

namespace ecrin::oci {

/// Environment variables, ports, volumes, labels, history entries ...: at most so many of each.
inline constexpr std::size_t k_config_list_limit = 10'000;
/// What is wrong with a list of `count` such things ("variables"); none: nothing.
std::optional<std::string> config_list_excess(std::size_t count, std::string_view things);

struct Healthcheck {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", ...}, {"CMD-SHELL", "..."}
  std::int64_t interval = 0;      // nanoseconds; 0 = inherit
  std::int64_t timeout = 0;
  std::int64_t start_period = 0;
  std::int64_t start_interval = 0;
  std::int64_t retries = 0;
  bool operator==(const Healthcheck&) const = default;
};

struct HistoryEntry {
  std::string created;  // RFC 3339; "" = none
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
};

struct ImageConfig {
  Platform platform;
  std::string created;  // RFC 3339; "" = none
  std::string author;
  // "config"
  std::string user;
  std::vector<std::string> exposed_ports;  // "80/tcp", sorted
  std::vector<std::string> env;            // "A=b", in order
  std::optional<std::vector<std::string>> entrypoint;
  std::optional<std::vector<std::string>> cmd;
  std::vector<std::string> volumes;  // sorted
  std::string working_dir;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<Healthcheck> healthcheck;
  std::vector<std::string> shell;
  std::vector<std::string> on_build;
  // "rootfs"
  std::vector<DiffId> diff_ids;
  std::vector<HistoryEntry> history;

  static Result<ImageConfig> parse(std::string_view bytes, std::string_view what);
  /// Canonical bytes: members sorted, empty ones left out. For configs that we make; a parsed one keeps its
  /// own.
  std::string to_bytes() const;
};

}  // namespace ecrin::oci

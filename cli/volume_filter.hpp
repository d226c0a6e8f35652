// The values of --filter that choose volumes, in podman's words.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "build/image_needs.hpp"
#include "build/volumes.hpp"

namespace ecrin::cli {

class VolumeFilter {
public:
  static Result<VolumeFilter> parse(const std::vector<std::string>& values, std::int64_t now);
  /// Filters of different kinds must all fit, of names any. `used`: the names of those in use.
  bool accepts(const build::Volume& volume, const std::set<std::string>& used) const;

private:
  std::vector<std::string> m_names;  // parts of names
  std::vector<build::LabelFilter> m_labels;
  std::optional<bool> m_dangling;
  std::optional<bool> m_anonymous;
  std::optional<std::int64_t> m_before;
  bool m_none = false;  // of another driver
};

}  // namespace ecrin::cli

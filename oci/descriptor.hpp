// Descriptor: how one piece of content names another (image-spec descriptor.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "oci/digest.hpp"
#include "oci/media_type.hpp"
#include "oci/platform.hpp"

namespace ecrin::oci {

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> urls;
  std::string artifact_type;
  bool operator==(const Descriptor&) const = default;

  static Result<Descriptor> parse(const Json& json, std::string_view what);
  Json to_json() const;
};

}  // namespace ecrin::oci

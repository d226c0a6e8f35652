// --device vendor.com/class=name: devices of the Container Device Interface, from the files that vendors'
// tools write.
#pragma once

#include <string>
#include <vector>

#include "oci/cdi_spec.hpp"

namespace ecrin::cli {

/// Where files are, unless --cdi-spec-dir says it.
std::vector<std::string> usual_cdi_directories();

/// What these devices need, in order; each specification's common part once, before its first device. Of two
/// directories that have a device the later one counts; two files of one directory that do are an error.
/// Files that cannot be read are a warning: they may be another vendor's.
Result<std::vector<oci::CdiEdits>> find_cdi_devices(const std::vector<std::string>& names,
                                                    const std::vector<std::string>& directories);

/// A document in YAML, of which JSON is a part.
Result<Json> parse_yaml(const std::string& text, const std::string& what);

}  // namespace ecrin::cli

// Where a built image goes besides the store: `--output type=...`.
#pragma once

#include <string>
#include <string_view>

#include "base/cancel.hpp"
#include "build/workshop.hpp"

namespace ecrin::build {

struct OutputSpec {
  enum class Type { store, oci_directory, oci_archive, docker_archive, tar, local };
  Type type = Type::store;
  std::string destination;  // "-" = standard output, for the archive types
};
/// "type=oci,dest=FILE" and docker's short form "DIR" (local), "-" (tar). Types: store, oci (dest ending in
/// "/" or tar=false: a directory), oci-dir, oci-archive, docker, docker-archive, tar, local.
Result<OutputSpec> parse_output(std::string_view text);
Result<> write_output(Workshop& workshop, const oci::Digest& manifest,
                      const std::vector<oci::Reference>& names, const OutputSpec& output,
                      const CancelToken& cancel);

}  // namespace ecrin::build

// A profile of system calls as docker and podman keep it in a file: a filter whose rules depend on the
// machine and on the container's capabilities. Here it becomes the filter of one container.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "oci/seccomp_config.hpp"

namespace ecrin::oci {

/// What rules may ask for.
struct SeccompFacts {
  std::string architecture;               // in Go's words: "amd64"
  std::vector<std::string> capabilities;  // of the container, at most
  unsigned kernel = 0, kernel_minor = 0;  // the version: 6, 1
};

/// `what` names the file in errors. Everything that its rules say is checked, also of those that do not count
/// here.
Result<SeccompConfig> parse_seccomp_profile(std::string_view text, std::string_view what,
                                            const SeccompFacts& facts);

}  // namespace ecrin::oci

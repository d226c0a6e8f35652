// A RuntimeConfig as text: a bundle's config.json (runtime-spec 1.2), and its parts that runtimes take by
// themselves. Errors name the property ("process.cwd is missing"). Properties that the specification does not
// know, and those for other systems (windows, solaris, vm, zos), are left alone, as it demands; a null is as
// good as nothing. What the text says and no host of ours can do is read, so that run/ can refuse it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "oci/runtime_config.hpp"

namespace ecrin::oci {

constexpr std::size_t k_runtime_config_limit = 16 << 20;  // bytes of text

/// Nothing is there that the text does not say: no namespaces, no capabilities, no filter of system calls.
Result<RuntimeConfig> parse_runtime_config(std::string_view text);
/// For people, with a final newline. `default_seccomp` has no words in it.
std::string runtime_config_json(const RuntimeConfig& config);

/// What stands under "process", as `exec --process` takes it.
Result<RuntimeProcess> parse_runtime_process(std::string_view text);
/// What stands under "linux.resources", as `update --resources` takes it.
Result<Resources> parse_resources_json(std::string_view text);

/// What `spec` writes: a shell on a terminal in ./rootfs, to begin with. Rootless: in a user namespace whose
/// root is `uid` and `gid`, with the host's network and without limits.
RuntimeConfig example_runtime_config(bool rootless, uid_t uid, gid_t gid);

}  // namespace ecrin::oci

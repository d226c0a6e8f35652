// What a build as a whole says about its RUN steps (`ecrin build --add-host`, `--ulimit` ...), beyond what
// the recipe says of each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "build/cache_key.hpp"
#include "oci/runtime_config.hpp"
#include "run/container.hpp"

namespace ecrin::build {

struct RunSettings {
  std::vector<std::pair<std::string, std::string>> hosts;  // name, address
  std::vector<std::string> nameservers;                    // instead of the host's
  std::vector<std::string> search_domains;                 // the same
  std::vector<std::string> resolver_options;               // the same
  std::vector<oci::Rlimit> limits;
  std::optional<std::uint64_t> shared_memory;  // bytes of /dev/shm
  std::vector<oci::RuntimeMount> mounts;       // of the host; what is written there stays there
  std::optional<std::vector<std::string>> capabilities;
  bool seccomp = true;
  bool masked_paths = true;
  bool no_new_privileges = false;
  oci::Resources resources;                   // of each step
  std::shared_ptr<run::CgroupPlace> cgroups;  // for them; none when there are no limits
};

/// What of them may change what a step makes: hosts, mounts (by their names), capabilities, confinement. How
/// much it may use and which server answers is no input.
KeyInputs key_inputs(const RunSettings& settings);

/// With what somebody says on top of them of hosts, limits and mounts: a host's name, a kind of limit, a
/// place of a mount that is in both is as `more` has it. Resources are those of `more`: they are of a
/// process.
RunSettings with_more(RunSettings settings, const RunSettings& more);

/// On top of what the options say already.
void apply(const RunSettings& settings, run::ContainerOptions& options);

/// resolv.conf with these in place of its own.
std::string with_resolver(const RunSettings& settings, const std::string& resolv_conf);

}  // namespace ecrin::build

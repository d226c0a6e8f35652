// ecrin as an OCI runtime (`ecrin runtime VERB`, or called by the name `ecrin-runtime`): the command line
// that runc and crun share, for engines that start a runtime by its path. It enters no user namespace and
// opens no store: an engine has prepared the bundle.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/environment.hpp"

namespace ecrin::cli {

/// Who makes the cgroups of containers.
enum class CgroupManager { cgroupfs, systemd, none };

/// What all of its verbs get.
struct RuntimeContext {
  std::string root;  // of the state directories, absolute
  CgroupManager cgroups = CgroupManager::cgroupfs;
  std::optional<bool> rootless;  // --rootless; none: found out
  const Environment& environment;
  /// Where compiled filters of system calls are kept: no container has such an id.
  std::string filter_cache() const { return root + "/@filters"; }
};

struct RuntimeVerb {
  Verb words;  // its declaration; `run` is not used
  Result<int> (*run)(const RuntimeContext& context, const Arguments& arguments) = nullptr;
  /// The exit code of an error: exec has one that programs seldom have.
  int error_code = 1;
};

const RuntimeVerb& runtime_create_verb();
const RuntimeVerb& runtime_delete_verb();
const RuntimeVerb& runtime_events_verb();
const RuntimeVerb& runtime_exec_verb();
const RuntimeVerb& runtime_features_verb();
const RuntimeVerb& runtime_kill_verb();
const RuntimeVerb& runtime_list_verb();
const RuntimeVerb& runtime_pause_verb();
const RuntimeVerb& runtime_ps_verb();
const RuntimeVerb& runtime_resume_verb();
const RuntimeVerb& runtime_run_verb();
const RuntimeVerb& runtime_spec_verb();
const RuntimeVerb& runtime_start_verb();
const RuntimeVerb& runtime_state_verb();
const RuntimeVerb& runtime_update_verb();

/// In the order of its help.
std::span<const RuntimeVerb* const> runtime_verbs();
/// Their names after "runtime ".
std::vector<std::string_view> runtime_words();

/// The flags before its verb.
std::vector<Flag> runtime_flags();
/// From the arguments (without the name of the program) to the exit code.
int run_runtime(std::span<const std::string> words);

/// Go's flags may be written with one dash ("-bundle DIR"): such words get their second one. Only what stands
/// for a flag is changed: no value, no operand that ends the flags, nothing after "--".
std::vector<std::string> with_both_dashes(const Verb& verb, std::span<const std::string> words);

/// Where the states are without --root: /run for root of the host, else the user's runtime directory, else
/// one in /tmp. `outer_user`: who the process is outside of all user namespaces that it can tell of.
std::string default_runtime_root(bool is_host_root, unsigned outer_user, const Environment& environment);

}  // namespace ecrin::cli

// A system that is entered as one enters a chroot: its programs, but the user's own name, home, work
// directory, terminal and network. For `ecrin enter` and for programs that 'ecrin install' put on the PATH.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/environment.hpp"
#include "cli/mount_spec.hpp"
#include "cli/person.hpp"
#include "oci/runtime_config.hpp"
#include "run/network/network.hpp"

namespace ecrin::cli {

struct EnterRequest {
  std::string system;  // an image, or a directory
  bool is_directory = false;
  std::vector<std::string> command;                    // empty: a shell
  bool program = false;                                // the image's own; `command` are its arguments
  std::optional<std::vector<std::string>> entrypoint;  // in place of the image's
  bool as_root = false;
  run::NetworkMode network = run::NetworkMode::host;
  std::optional<oci::Platform> platform;
  std::optional<std::string> workdir;
  std::vector<std::string> env;  // "A=b", of --env
  std::vector<MountSpec> mounts;
};
Result<EnterRequest> enter_request(const Arguments& arguments, const Environment& environment);

/// A flag's value that is a command: one word, or a JSON list of words.
Result<std::vector<std::string>> command_words(const std::string& text);

/// The variables of the user's that a program in another system needs: terminal, language, displays, agents,
/// proxies. Not PATH, which is the system's.
std::vector<std::string> personal_variables(const Environment& environment, const Person& person);

/// Which directories of the host are seen at the same place: home, /tmp, the session's sockets, the work
/// directory. None inside another of them; no directory that is part of every system.
std::vector<std::string> shared_places(const Person& person, const Environment& environment,
                                       const std::string& work_directory);
/// Is the path one of the places, or below one?
bool is_within(const std::string& path, const std::vector<std::string>& places);

Outcome enter_system(Session& session, const EnterRequest& request, const Arguments& arguments);

}  // namespace ecrin::cli

// From the words of `ecrin run` and an image's configuration to a RuntimeConfig: everything that can be said
// before there is a root file system.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/run_settings.hpp"
#include "cli/arguments.hpp"
#include "cli/containers/life_request.hpp"
#include "cli/environment.hpp"
#include "cli/mount_spec.hpp"
#include "cli/security_options.hpp"
#include "cli/surroundings_flags.hpp"
#include "cli/systemd_mode.hpp"
#include "cli/user_mapping.hpp"
#include "oci/runtime_config.hpp"
#include "run/network/network_request.hpp"

namespace ecrin::cli {

/// What becomes of the volumes that the image declares.
enum class ImageVolumes { nameless, in_memory, ignored };

struct ContainerRequest {
  bool interactive = false;
  bool terminal = false;
  bool init = true;
  SystemdMode systemd = SystemdMode::words;
  bool is_rootfs = false;            // the first operand is a directory, not an image
  bool trace = false;                // record what is used of the image
  std::string image;                 // or that directory
  std::vector<std::string> command;  // what follows it
  std::string name;
  std::string hostname;  // "" = made from the container's ID
  run::NetworkRequest network;
  std::optional<oci::Platform> platform;
  std::optional<std::string> user;
  UserMapping user_mapping;
  bool passwd = true;  // a number of a user that the image has no name for gets one
  std::optional<std::string> workdir;
  std::optional<std::vector<std::string>> entrypoint;  // empty list: none
  std::vector<std::string> env;                        // "A=b", as -e and --env-file gave them
  std::vector<std::string> cap_add, cap_drop;
  bool read_only = false;
  bool read_only_tmpfs = true;  // /run, /tmp and /var/tmp can be written to then
  std::vector<MountSpec> mounts;
  std::vector<std::string> cdi_devices;      // "vendor.com/class=name"
  std::vector<std::string> cdi_directories;  // where they are described
  std::vector<std::string> volumes_from;     // as --volumes-from has them
  std::vector<std::string> inherited;        // words of mounts that came from there
  ImageVolumes image_volumes = ImageVolumes::nameless;
  oci::Resources resources;
  LifeRequest life;
  build::RunSettings settings;  // limits and /dev/shm only
  SecurityOptions security;
  ProgramSurroundings surroundings;
};

Result<ContainerRequest> container_request(const Arguments& arguments, const Environment& environment);

/// The RuntimeConfig for this image with the request's command, variables, capabilities and read-only root.
/// Mounts and ids are left to the caller, who has the root file system.
Result<oci::RuntimeConfig> runtime_config(const ContainerRequest& request, const oci::ImageConfig& image);

/// Is systemd process 1 of the container?
bool boots_systemd(const ContainerRequest& request, const oci::ImageConfig& image);

/// What --env-file and --env say, in this order.
Result<std::vector<std::string>> requested_variables(const Arguments& arguments,
                                                     const Environment& environment);
std::vector<Flag> variable_flags();

/// The lines of an --env-file: NAME=VALUE, NAME (taken from the environment), # comments.
std::vector<std::string> parse_env_file(std::string_view text, const Environment& environment);
/// The default capabilities with --cap-add and --cap-drop; ALL is understood in both.
Result<std::vector<std::string>> choose_capabilities(const std::vector<std::string>& defaults,
                                                     const std::vector<std::string>& add,
                                                     const std::vector<std::string>& drop);

}  // namespace ecrin::cli

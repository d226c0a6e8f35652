// Recipe: what both front ends (YAML, Containerfile) make and the engine builds. Plain values, fully
// expanded: no ${ARG} is left, every stage that is named exists, there are no cycles. Nothing below recipes/
// knows which language the text was. Every step keeps its place in the text, for messages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "oci/image_config.hpp"
#include "oci/platform.hpp"

namespace ecrin::recipes {

/// A place in a recipe's text: 1-based; line 0: made by the tool itself.
struct Location {
  int line = 0;
  int column = 0;
};

using KeyValue = std::pair<std::string, std::string>;

// ---- from ------------------------------------------------------------------------------------------------

struct FromScratch {
  bool operator==(const FromScratch&) const = default;
};
struct FromStage {
  std::string name;
};
struct FromImage {
  std::string reference;  // as written: "debian:12", "localhost/base"
};
struct FromOciLayout {
  std::string directory;  // relative to the recipe's context
  std::string reference;  // "" = the only image of the layout
};
struct FromArchive {
  std::string file;  // oci-archive or docker-archive, compressed or not; relative to the context
  std::string reference;
};
struct FromRootfs {
  std::string location;  // file relative to the context, or http(s) URL: a tar of a root file system
  std::string sha256;    // hex; required for a URL, optional for a file
};
struct FromBootstrap {
  std::string distribution;  // "debian"
  std::string suite;
  std::string variant = "minbase";
  std::vector<std::string> include;
  std::string mirror;    // "" = the host's own apt source
  std::string snapshot;  // "" or YYYYMMDDTHHMMSSZ, needs a mirror that serves snapshots
};
using From =
    std::variant<FromScratch, FromStage, FromImage, FromOciLayout, FromArchive, FromRootfs, FromBootstrap>;

// ---- steps -----------------------------------------------------------------------------------------------

enum class StepNetwork { inherit, none, host, private_network };

struct Mount {
  enum class Type { bind, cache, tmpfs, secret, ssh };
  Type type = Type::bind;
  /// Absolute, or relative to the work directory. A secret: "" with `environment`, else /run/secrets/<id>;
  /// ssh:
  /// "" = /run/buildkit/ssh_agent.<n>.
  std::string target;
  std::string source;  // bind: path in `from` (default "/"); cache: what a new one begins with, in `from`
  std::string from;    // bind, cache: "" = the context (cache: nothing), else stage or image
  std::string id;      // cache: default is the target; secret: required; ssh: "default"
  std::string environment;  // secret: the variable that holds it
  bool read_only = true;    // bind default true, cache default false
  bool required = false;    // secret, ssh
  std::uint32_t mode =
      0;  // cache directory (0755), secret file (0400), ssh (0600), tmpfs (1777); 0 = default
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;  // tmpfs limit in bytes; 0 = none
  enum class Sharing { shared, private_copy, locked };
  Sharing sharing = Sharing::shared;  // cache
};

/// A file whose content stands in the recipe.
struct InlineFile {
  std::string name;
  std::string content;
};

struct RunStep {
  /// Shell form: one string, run by the shell in force. Exec form: the arguments. A file: a script with its
  /// own
  /// "#!", run as /dev/pipes/<name>.
  std::variant<std::string, std::vector<std::string>, InlineFile> command;
  std::vector<Mount> mounts;
  StepNetwork network = StepNetwork::inherit;
  std::string user;           // "" = the stage's user at this point
  std::vector<KeyValue> env;  // for this step only; arguments that a script mentions come first
};
struct CopyStep {
  std::string from;                   // "" = the context; else a stage's name or an image
  std::vector<std::string> sources;   // paths or globs, relative to the source's root
  std::vector<InlineFile> files;      // after the sources; of the context
  std::string destination;            // trailing slash: a directory
  std::string owner;                  // "", "user", "user:group", "0:0"; names are looked up in the image
  std::optional<std::uint32_t> mode;  // 07777 bits; none = the source's own
  std::string mode_change;            // symbolic, as chmod(1): "u+x,go-w", on the source's own; "" = none
  std::vector<std::string> exclude;   // patterns, as in ignore files
  bool parents = false;               // keep the directories of each source (after "/./" where it has one)
  bool link = false;                  // independent of the tree below: nothing there is looked at or followed
};
struct AddStep {
  std::vector<std::string> sources;  // http(s) and git URLs, or local archives (unpacked), or plain files
  std::vector<InlineFile> files;     // after the sources
  std::string destination;
  std::string
      checksum;  // "sha256:<hex>", of a git source its commit; required by the YAML front end for a URL
  std::string owner;
  std::optional<std::uint32_t> mode;
  std::string mode_change;
  std::vector<std::string> exclude;
  bool link = false;
  bool keep_git_directory = false;
  std::optional<bool> unpack;  // none: local archives are, downloads are not
};
struct WriteStep {
  std::string destination;
  std::string content;
  std::string owner;
  std::uint32_t mode = 0644;
};
struct EnvStep {
  std::vector<KeyValue> variables;
};
struct WorkdirStep {
  std::string path;
};
struct UserStep {
  std::string user;
};
struct LabelStep {
  std::vector<KeyValue> labels;
};

// Config of the image, as instructions in order. None makes a layer.
struct CmdStep {
  std::vector<std::string> arguments;  // empty: an image without a command
};
struct EntrypointStep {
  std::vector<std::string> arguments;
  bool drops_cmd = false;  // the command in force came from the base: a new entrypoint takes it away
};
struct ExposeStep {
  std::vector<std::string> ports;  // "80/tcp"
};
struct VolumeStep {
  std::vector<std::string> paths;
};
struct StopSignalStep {
  std::string signal;
};
struct HealthcheckStep {
  oci::Healthcheck healthcheck;
};
struct ShellStep {
  std::vector<std::string> shell;
};
struct OnBuildStep {
  std::string trigger;  // an instruction of a Containerfile, run by builds on top of this image
};
struct AuthorStep {
  std::string author;
};

using StepKind = std::variant<RunStep, CopyStep, AddStep, WriteStep, EnvStep, WorkdirStep, UserStep,
                              LabelStep, CmdStep, EntrypointStep, ExposeStep, VolumeStep, StopSignalStep,
                              HealthcheckStep, ShellStep, OnBuildStep, AuthorStep>;

struct Step {
  StepKind kind;
  Location location;
  std::string text;  // one line for people and for the image history: "run: apt-get update"
};

// ---- stage, recipe ---------------------------------------------------------------------------------------

struct Stage {
  std::string name;  // unique; "main" for a recipe with one unnamed stage
  Location location;
  From from;
  Location from_location;
  std::optional<oci::Platform> platform;  // none: the build's
  /// What runs scripts before the first ShellStep; not part of the image. Empty: the base's SHELL, else
  /// /bin/sh -c. YAML's is its own, whatever the base says: /bin/sh -e -c.
  std::vector<std::string> shell;
  std::vector<Step> steps;
  std::vector<KeyValue> annotations;  // of the manifest
};

struct Recipe {
  std::string name;                   // default tag; "" = none
  std::string file;                   // as the user named it, for messages
  std::optional<std::int64_t> epoch;  // seconds since 1970
  std::vector<Stage> stages;          // in the text's order; the last one is the default target
  std::vector<KeyValue> args;         // declared arguments with the values in force
};

}  // namespace ecrin::recipes

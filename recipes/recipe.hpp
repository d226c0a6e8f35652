// Recipe: what both front ends (YAML, Containerfile) make and the engine builds. Plain values, fully
// expanded: no ${ARG} is left, every stage that is named exists, there are no cycles. Nothing below recipes/
// knows which language the text was. Every step keeps its place in the text, for messages.
#pragma once

#include <cstddef>
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
  bool operator==(const FromStage&) const = default;
};
struct FromImage {
  std::string reference;  // as written: "debian:12", "localhost/base"
  bool operator==(const FromImage&) const = default;
};
struct FromOciLayout {
  std::string directory;  // relative to the recipe's context
  std::string reference;  // "" = the only image of the layout
  bool operator==(const FromOciLayout&) const = default;
};
struct FromArchive {
  std::string file;  // oci-archive or docker-archive, compressed or not; relative to the context
  std::string reference;
  bool operator==(const FromArchive&) const = default;
};
struct FromRootfs {
  std::string location;  // file relative to the context, or http(s) URL: a tar of a root file system
  std::string sha256;    // hex; required for a URL, optional for a file
  bool operator==(const FromRootfs&) const = default;
};
struct FromBootstrap {
  std::string distribution;  // "debian"
  std::string suite;
  std::string variant = "minbase";
  std::vector<std::string> include;
  std::string mirror;    // "" = the host's own apt source
  std::string snapshot;  // "" or YYYYMMDDTHHMMSSZ, needs a mirror that serves snapshots
  bool operator==(const FromBootstrap&) const = default;
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
  bool operator==(const Mount&) const = default;
};

/// A file whose content stands in the recipe.
struct InlineFile {
  std::string name;
  std::string content;
  bool operator==(const InlineFile&) const = default;
};

struct RunStep {
  /// Shell form: one string, run by the shell in force. Exec form: the arguments. A file: a script with its
  /// own
  /// "#!", run as /dev/pipes/<name>.
  std::variant<std::string, std::vector<std::string>, InlineFile> command;
  std::vector<Mount> mounts;
  StepNetwork network = StepNetwork::inherit;
  /// What it gets from the network never changes, somebody says: for --cache=traced. Changes no result.
  bool has_pinned_network = false;
  std::string user;           // "" = the stage's user at this point
  std::vector<KeyValue> env;  // for this step only; arguments that a script mentions come first
  bool operator==(const RunStep&) const = default;
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
  bool operator==(const CopyStep&) const = default;
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
  bool operator==(const AddStep&) const = default;
};
struct WriteStep {
  std::string destination;
  std::string content;
  std::string owner;
  std::uint32_t mode = 0644;
  bool operator==(const WriteStep&) const = default;
};
struct EnvStep {
  std::vector<KeyValue> variables;
  bool operator==(const EnvStep&) const = default;
};
struct WorkdirStep {
  std::string path;
  bool operator==(const WorkdirStep&) const = default;
};
struct UserStep {
  std::string user;
  bool operator==(const UserStep&) const = default;
};
struct LabelStep {
  std::vector<KeyValue> labels;
  bool operator==(const LabelStep&) const = default;
};

// Config of the image, as instructions in order. None makes a layer.
struct CmdStep {
  std::vector<std::string> arguments;  // empty: an image without a command
  bool operator==(const CmdStep&) const = default;
};
struct EntrypointStep {
  std::vector<std::string> arguments;
  bool drops_cmd = false;  // the command in force came from the base: a new entrypoint takes it away
  bool operator==(const EntrypointStep&) const = default;
};
struct ExposeStep {
  std::vector<std::string> ports;  // "80/tcp"
  bool operator==(const ExposeStep&) const = default;
};
struct VolumeStep {
  std::vector<std::string> paths;
  bool operator==(const VolumeStep&) const = default;
};
struct StopSignalStep {
  std::string signal;
  bool operator==(const StopSignalStep&) const = default;
};
struct HealthcheckStep {
  oci::Healthcheck healthcheck;
  bool operator==(const HealthcheckStep&) const = default;
};
struct ShellStep {
  std::vector<std::string> shell;
  bool operator==(const ShellStep&) const = default;
};
struct OnBuildStep {
  std::string trigger;  // an instruction of a Containerfile, run by builds on top of this image
  bool operator==(const OnBuildStep&) const = default;
};
struct AuthorStep {
  std::string author;
  bool operator==(const AuthorStep&) const = default;
};

using StepKind = std::variant<RunStep, CopyStep, AddStep, WriteStep, EnvStep, WorkdirStep, UserStep,
                              LabelStep, CmdStep, EntrypointStep, ExposeStep, VolumeStep, StopSignalStep,
                              HealthcheckStep, ShellStep, OnBuildStep, AuthorStep>;

struct Step {
  StepKind kind;
  Location location;
  std::string text;   // one line for people and for the image history: "run: apt-get update"
  int last_line = 0;  // of what says it; 0: the next thing in the text tells
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

/// What is built at most; each stage counts as a step, too. An image's history holds no more steps, and
/// nobody means so many stages.
inline constexpr std::size_t k_step_limit = 10'000;
inline constexpr std::size_t k_stage_limit = 1'000;

struct Argument {
  std::string name;
  std::string value;  // in force: given, or the default
  Location location;  // where it is declared
};

struct Recipe {
  std::string name;                   // default tag; "" = none
  std::string file;                   // as the user named it, for messages
  std::optional<std::int64_t> epoch;  // seconds since 1970
  std::vector<Stage> stages;          // in the text's order; the last one is the default target
  std::vector<Argument> args;         // declared, with a value
};

}  // namespace ecrin::recipes

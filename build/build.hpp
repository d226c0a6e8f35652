// The engine's front door: a Recipe and a context become an image in the store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "build/context_source.hpp"
#include "build/observer.hpp"
#include "build/run_settings.hpp"
#include "build/shared_cache.hpp"
#include "build/ssh_agents.hpp"
#include "build/workshop.hpp"
#include "oci/reference.hpp"
#include "recipes/recipe.hpp"
#include "run/network/network.hpp"

namespace ecrin::build {

struct Secret {
  std::string id;
  std::string file;  // read when a step needs it; or
  std::optional<std::string> value;
};

/// How a build gets an image that its recipe names (see build/pull.hpp).
using ImageObtainer = std::function<Result<oci::ImageRecord>(
    const std::string& name_or_id, const oci::Platform& platform, const CancelToken& cancel)>;

/// What the command line says about the image itself; it wins over the recipe.
struct ImageSettings {
  std::vector<recipes::KeyValue> labels;
  std::vector<recipes::KeyValue> annotations;
  std::vector<recipes::KeyValue> env;
  std::vector<std::string> unset_env;  // names
};

/// Which layers of the image become one.
enum class Squash { no, above_base, all };
/// Stands in for the image or stage of this name.
struct NamedContext {
  std::string name;
  ContextSource source;  // paths are absolute
  /// What a layout was found to hold, by platform: for one build it is that, however often it is named.
  using Images = std::map<std::string, std::shared_ptr<const oci::Image>>;
  std::shared_ptr<Images> images = std::make_shared<Images>();
};
/// The one that is meant: "debian" is also "debian:latest" and "docker.io/library/debian".
const NamedContext* find_named_context(const std::vector<NamedContext>& contexts, std::string_view name);

/// How results of earlier builds are found.
enum class CacheUse {
  exact,   // by keys
  traced,  // and RUN steps also by what they used (build/step_traces.hpp)
};

struct BuildOptions {
  std::string context_directory;  // absolute; "" = none (COPY from the context is an error)
  std::string context_name;       // of a context that was unpacked: what it was; "" = the directory
  std::string recipe_file;        // absolute; an ignore file may lie beside it; "" = none
  std::string ignore_file;        // absolute; in place of all others; "" = none
  std::vector<NamedContext> named_contexts;
  std::string target;                     // stage name; "" = the last
  std::optional<oci::Platform> platform;  // none: the host's
  std::optional<std::int64_t> epoch;      // SOURCE_DATE_EPOCH; wins over the recipe's; none: recipe's, else 0
  bool current_time = false;              // --timestamp=now: times stay, `created` is now
  bool no_cache = false;
  CacheUse cache = CacheUse::exact;
  std::vector<std::string> no_cache_stages;  // the same for these
  RunSettings run;
  ImageSettings image;
  Squash squash = Squash::no;
  bool explain = false;
  bool keep_failed = true;  // a RUN that failed stays as it is, for `ecrin debug`
  unsigned jobs = 0;        // steps at once; 0 = number of processors
  run::NetworkMode network = run::NetworkMode::private_network;  // of RUN steps that do not say
  std::vector<Secret> secrets;
  bool allow_secret_in_layer = false;  // a layer or config that holds a secret is otherwise an error
  std::vector<SshAgent> ssh_agents;
  std::vector<oci::Reference> tags;                      // full names
  oci::Role role = oci::Role::own;                       // of the image: a part is one of an index to be
  std::map<std::string, std::string> proxy_environment;  // http_proxy...: into RUN, never into keys or images
  std::string home;                    // whose ssh keys and known hosts serve for git; "" = none
  std::string ssh_agent;               // socket, for git; "" = none
  std::int64_t now = 0;                // seconds; for `added`, and for current_time
  ImageObtainer obtain_image;          // for images that the recipe names; none: those in the store only
  std::vector<CachePlace> cache_from;  // shared caches, the best first
  std::vector<CacheTarget> cache_to;
  TransferWatch watch_transfers;  // of what is still on its way to a cache when the image is made
};

struct BuildResult {
  oci::Digest manifest;
  oci::ImageId image_id;
  std::size_t steps_run = 0;
  std::size_t steps_cached = 0;
  /// The image is there, but a cache of `cache_to` could not be written.
  std::optional<Error> cache_failure = std::nullopt;
};

/// The step that failed, for whoever tells it.
struct FailedStep {
  int exit_code = 0;           // of a RUN's command; 0: it was no command that failed
  recipes::Location location;  // in the recipe; line 0: no step failed
  std::size_t number = 0;      // as in StepInfo
  std::string stage;
  std::string kept;  // the id under which it is kept (build/kept_steps.hpp); "" = it is not
};

/// Builds. On error the store holds all steps that finished (they are cached) and nothing else.
/// `failed` tells which step failed, when one did.
Result<BuildResult> build_image(Workshop& workshop, const recipes::Recipe& recipe,
                                const BuildOptions& options, BuildObserver& observer,
                                const CancelToken& cancel, FailedStep* failed = nullptr);

}  // namespace ecrin::build

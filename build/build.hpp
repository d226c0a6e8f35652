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
#include "build/observer.hpp"
#include "build/workshop.hpp"
#include "oci/reference.hpp"
#include "recipes/recipe.hpp"
#include "run/network.hpp"

namespace ecrin::build {

struct Secret {
  std::string id;
  std::string file;  // read when a step needs it; or
  std::optional<std::string> value;
};

/// How a build gets an image that its recipe names (see build/pull.hpp).
using ImageObtainer = std::function<Result<oci::ImageRecord>(
    const std::string& name_or_id, const oci::Platform& platform, const CancelToken& cancel)>;

struct BuildOptions {
  std::string context_directory;          // absolute; "" = none (COPY from the context is an error)
  std::string target;                     // stage name; "" = the last
  std::optional<oci::Platform> platform;  // none: the host's
  std::optional<std::int64_t> epoch;      // SOURCE_DATE_EPOCH; wins over the recipe's; none: recipe's, else 0
  bool current_time = false;              // --timestamp=now: times stay, `created` is now
  bool no_cache = false;
  bool explain = false;
  bool keep_failed = true;  // a RUN that failed stays as it is, for `ecrin debug`
  unsigned jobs = 0;        // steps at once; 0 = number of processors
  run::NetworkMode network = run::NetworkMode::private_network;  // of RUN steps that do not say
  std::vector<Secret> secrets;
  std::vector<oci::Reference> tags;                      // full names
  std::map<std::string, std::string> proxy_environment;  // http_proxy...: into RUN, never into keys or images
  std::int64_t now = 0;                                  // seconds; for `added`, and for current_time
  ImageObtainer obtain_image;  // for images that the recipe names; none: those in the store only
};

struct BuildResult {
  oci::Digest manifest;
  oci::ImageId image_id;
  std::size_t steps_run = 0;
  std::size_t steps_cached = 0;
};

/// A failing RUN step: this error carries its exit code (ErrorKind::system, code() is errno and stays 0).
struct FailedStep {
  int exit_code = 0;
  std::string kept;  // the id under which it is kept (build/kept_steps.hpp); "" = it is not
};

/// Builds. On error the store holds all steps that finished (they are cached) and nothing else.
/// `failed` tells a RUN's own exit code when one failed.
Result<BuildResult> build_image(Workshop& workshop, const recipes::Recipe& recipe,
                                const BuildOptions& options, BuildObserver& observer,
                                const CancelToken& cancel, FailedStep* failed = nullptr);

}  // namespace ecrin::build

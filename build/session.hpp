// Session: one build while it goes: the plan, what is known of each step before anything runs, and what the
// parts that run steps share. Internal to build/.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "build/build.hpp"
#include "build/build_cache.hpp"
#include "build/cache_key.hpp"
#include "build/context.hpp"
#include "build/file_digests.hpp"
#include "build/git_source.hpp"
#include "build/image_state.hpp"
#include "build/plan.hpp"
#include "build/secrets.hpp"
#include "fs/changeset.hpp"
#include "fs/fuse/image_trace.hpp"
#include "fs/layer_store.hpp"
#include "oci/image_store.hpp"

namespace ecrin::build {

class SharedBuild;
using ImagePointer = std::shared_ptr<const oci::Image>;

/// The tree under a step: the layers of an image, unpacked only if somebody looks, and those of steps.
struct LayerChain {
  ImagePointer base;              // nullptr: none
  std::vector<fs::Layer> layers;  // bottom first
};

/// A downloaded file in the store's temporary directory; removed with the last user.
struct FetchedFile {
  std::string path;
  std::string sha256;
  std::shared_ptr<const void> remover = nullptr;
};

/// A git repository that a step adds.
struct PreparedGit {
  GitSource source;
  std::string commit;
};

/// Everything about a step that is known before any step runs. Keys depend on content that is there (files of
/// the context, images) and on the keys of other steps, never on their results.
struct PreparedStep {
  const PlanStep* plan = nullptr;
  oci::Platform platform;
  ConfigPointer before;            // config in force; without history and diff IDs
  ConfigPointer after;             // the same where the step changes none of it
  std::vector<std::string> shell;  // in force: runs scripts
  ImagePointer base;               // of its tree
  KeyInputs inputs;
  std::string key;
  std::string tree_key;  // of the tree after it: its own key, or its parent's when it makes no layer
  std::map<std::string, ImagePointer> images;              // that it names besides its base
  Selection selection;                                     // COPY, ADD, rootfs: files of the context
  std::vector<std::optional<Selection>> mount_selections;  // RUN: by mount; binds of the context
  std::map<std::string, FetchedFile> fetched;              // ADD: by URL
  std::map<std::string, PreparedGit> git;                  // ADD: by source
  std::string bootstrap_sources;                           // text of sources.list
};

/// A tree that stands already, step by step, with all that the steps on it need: where a stage starts in
/// place of its `from`.
struct StartingTree {
  ImagePointer base;
  std::vector<fs::Layer> layers;  // of steps; sealed
  std::vector<bool> independent;  // of each: the same on any tree
  oci::ImageConfig config;        // in force
  std::vector<std::string> shell;
  std::string tree_key;
  /// As the cache calls it (tree_name).
  std::string name() const;
};

/// A command that ran and failed: the engine makes the exit code of the build of it.
struct StepFailure {
  int exit_code = 0;
  std::string kept;  // under which it is kept; "" = it is not
};

struct StepOutcome {
  std::optional<fs::Layer> layer;  // none: nothing changed
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  KeyInputs found = {};  // what only running it could tell; kept beside the inputs, not in the key
  std::optional<fs::ImageTrace> trace = std::nullopt;  // what it used of the tree below; none: not known
  double seconds = 0;                                  // of an earlier run: that it took
};

/// The tree of a step that another one named as input.
using ChainOf = std::function<LayerChain(std::size_t)>;
/// Of a stage or an image that the step names.
LayerChain chain_of_input(const PreparedStep& step, const std::string& name, const ChainOf& chain_of);

/// The trees that a step looks into.
struct StepGround {
  LayerChain below;
  ChainOf chain_of;
};

/// What a running step may ask for.
struct StepScope {
  const PreparedStep& step;
  const LayerChain& below;
  ChainOf chain_of;
  std::function<void(std::string_view)> output;
  std::function<void(const std::string&)> note;  // shown once a build
  const CancelToken& stop;
  StepFailure& failure;
};

/// Runs the steps that make layers. The engine above it knows keys, order and cache, and no containers.
class StepExecutor {
public:
  virtual ~StepExecutor() = default;
  /// Asked of each step that will be executed, before the first one is: what is missing for it on this host?
  virtual Result<> check(const PreparedStep&) { return {}; }
  virtual Result<StepOutcome> execute(const StepScope& scope) = 0;
};

struct Session {
  Session(Workshop& the_workshop, const recipes::Recipe& the_recipe, const BuildOptions& the_options,
          const CancelToken& the_token)
      : workshop(the_workshop),
        recipe(the_recipe),
        options(the_options),
        cancel(the_token),
        secrets(the_options.secrets),
        ssh_agents(the_workshop.store(), the_options.ssh_agents, the_workshop.options().search_path),
        digests(the_workshop.store().database()) {}

  Workshop& workshop;
  const recipes::Recipe& recipe;
  const BuildOptions& options;
  const CancelToken& cancel;
  Secrets secrets;
  SshAgents ssh_agents;
  FileDigests digests;
  std::mutex failure_mutex;
  FailedStep failed;  // the first

  Plan plan;
  BuildTime time;
  std::unique_ptr<BuildContext> context;
  /// Directories that stand in for images and stages, by the name that the recipe has for them.
  struct NamedFiles {
    ContextFiles files;
    std::unique_ptr<BuildContext> context;
  };
  std::map<std::string, NamedFiles> named;
  std::unique_ptr<BuildCache> cache;
  std::vector<PreparedStep> steps;
  std::vector<std::string> notes;              // met while preparing
  SharedBuild* shared = nullptr;               // while the steps run
  std::map<std::string, StartingTree> starts;  // by stage; given before prepare()

  const StartingTree* start_of(const PlanStep& step) const;
  /// As people see it, from 1. Trees that stand already are no steps.
  std::size_t number_of(const PlanStep& step) const { return step.index + 1 - starts.size(); }

  /// Layer directories of a chain; a base is unpacked on first use, once.
  Result<std::vector<fs::Layer>> directories(const LayerChain& chain, const CancelToken& stop);
  Result<const BuildContext*> need_context() const;
  /// The files that a COPY takes: of the context for "", of a named one; nullptr: `name` is a stage or an
  /// image.
  Result<const BuildContext*> files_of(const std::string& name) const;

  /// A copy of files of the context that mounts share: made by whoever locks it first, here until the end.
  struct ContextCopy {
    std::mutex mutex;
    std::optional<fs::LayerDraft> draft;
  };
  ContextCopy& context_copy(const SourceItem& item);

private:
  struct Unpacked {
    std::mutex mutex;
    std::optional<std::vector<fs::Layer>> layers;
  };
  std::mutex m_mutex;
  std::map<std::string, std::shared_ptr<Unpacked>> m_unpacked;
  std::map<std::string, ContextCopy> m_context_copies;  // by what was selected
};

/// What a COPY takes from this tree.
Result<Selection> select_for_copy(const SourceTree& tree, const recipes::CopyStep& copy,
                                  const CancelToken* cancel);
/// Globs without a match are no error: only told.
void note_unmatched(const Selection& selection, const SourceTree& tree,
                    const std::function<void(const std::string&)>& note);

/// Fills plan, time, context and steps. Reads the context and the images that are named; runs nothing.
Result<> prepare(Session& session);

/// Runs what is not cached, records it, and makes the image.
Result<BuildResult> run_build(Session& session, StepExecutor& executor, BuildObserver& observer);

/// The steps of the target stage after its `from`, without an image: for trees that grow step by step.
struct BuiltStep {
  std::optional<fs::Layer> layer;  // sealed; none: nothing changed
  bool ran = false;
};
Result<std::vector<BuiltStep>> run_steps(Session& session, StepExecutor& executor, BuildObserver& observer);

/// The executor for real: containers, the context, the network.
std::unique_ptr<StepExecutor> make_executor(Session& session);

}  // namespace ecrin::build

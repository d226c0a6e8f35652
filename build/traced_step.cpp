#include "build/traced_step.hpp"

#include "base/posix.hpp"
#include "build/executor.hpp"
#include "build/step_traces.hpp"
#include "build/trace_comparison.hpp"
#include "build/traced_binds.hpp"
#include "fs/changeset.hpp"
#include "fs/file_owners.hpp"
#include "fs/tree.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::build {
namespace {

// The results of one command on many trees; what was used last is most likely right.
constexpr std::size_t k_most_candidates = 16;

Result<KeyInputs> contents_of_secrets(Session& session, const PreparedStep& step) {
  KeyInputs secrets;
  const auto* run = step.plan->as<recipes::RunStep>();
  if (!run) return secrets;
  StepTraces traces(session.workshop.store().database(), session.workshop.layers());
  for (const recipes::Mount& mount : run->mounts) {
    if (mount.type != recipes::Mount::Type::secret || !session.secrets.has(mount.id)) continue;
    const auto secret = TRY(session.secrets.read(mount.id));
    const std::string digest = TRY(traces.secret_digest(secret->reveal()));
    secrets.push_back({"content of secret " + mount.id, digest});
  }
  return secrets;
}

}  // namespace

std::string untraceable(Session& session, const recipes::RunStep& run) {
  for (const recipes::Mount& mount : run.mounts) {
    if (mount.type == recipes::Mount::Type::ssh) return "it is given an ssh-agent";
    if (mount.type == recipes::Mount::Type::secret && session.secrets.has(mount.id) &&
        !session.secrets.read(mount.id))
      return "it is given a secret that cannot be read";
  }
  if (run.has_pinned_network) return "";
  const bool host =
      run.network == recipes::StepNetwork::host ||
      (run.network == recipes::StepNetwork::inherit && session.options.network == run::NetworkMode::host);
  return host ? "it has the host's network" : "";
}

Result<std::string> whole_command(Session& session, const PreparedStep& step) {
  return command_key(step.inputs, TRY(contents_of_secrets(session, step)));
}

Result<std::string> traced_command(Session& session, const PreparedStep& step) {
  const bool without_files = has_traced_binds(step);
  const std::vector<TracedInput> trees = traced_inputs(step);
  if (!without_files && trees.empty()) return whole_command(session, step);
  KeyInputs inputs;
  for (const KeyInput input : step.inputs) {
    const bool is_file = without_files && input.name.starts_with("file ");
    if (!is_file && !is_of(trees, input.name)) inputs.push_back(input);
  }
  return command_key(inputs, TRY(contents_of_secrets(session, step)));
}

Result<TracedMount> mount_traced(Session& session, const std::vector<fs::Layer>& layers,
                                 const CancelToken& stop) {
  if (fs::owners_are_recorded())
    return fail(ErrorKind::unsupported, "owners of files are recorded beside them");
  if (TRY(session.workshop.driver())->kind() != fs::DriverKind::overlay)
    return fail(ErrorKind::unsupported, "the layer driver is not kernel overlay");
  auto view = TRY(fs::open_image_view(distinct_layer_paths(session.workshop, layers), &stop));
  TracedMount traced;
  traced.mount.draft.emplace(TRY(session.workshop.layers().draft()));
  const std::string& draft = traced.mount.draft->path();
  fs::TreeRequest request;
  request.lowers = distinct_layer_paths(session.workshop, layers);
  request.upper = draft + "/diff";
  request.scratch = draft + "/scratch";
  TRY(posix::make_directories(request.scratch, 0700));
  auto tree = TRY(fs::TracedTree::mount(request, std::move(view)));
  traced.tree = tree.get();
  traced.mount.tree = std::move(tree);
  return traced;
}

Result<fs::ImageTrace> trace_of(Session& session, fs::TracedTree& tree, const CancelToken& stop) {
  fs::ImageTrace trace = TRY(tree.trace(session.digests.function(), &stop));
  TRY(session.digests.keep());
  return trace;
}

Result<StepOutcome> apply_layer(Session& session, const StepOutcome& made,
                                const std::vector<fs::Layer>& layers, const CancelToken& stop) {
  if (!made.layer) return StepOutcome{};
  const Fd directory = TRY(session.workshop.layers().open_layer(*made.layer));
  const std::vector<std::string> paths = distinct_layer_paths(session.workshop, layers);
  const fs::CanonicalOptions options{.epoch = session.time.clamp};
  fs::LowerTree lower = TRY(fs::LowerTree::of_layers(paths));
  if (TRY(fs::is_canonical_on(directory, lower, options, &stop))) return made;
  fs::LayerDraft draft = TRY(session.workshop.layers().draft());
  TRY(fs::copy_tree(directory, draft.diff(), fs::Hardlinks::keep));
  if (TRY(fs::has_root_mark(directory))) {
    TRY(fs::set_root_metadata(draft.diff(), TRY(fs::root_metadata(directory))));
    TRY(fs::put_root_mark(draft.diff(), fs::RootMark::present));
  }
  lower = TRY(fs::LowerTree::of_layers(paths));
  return publish_changes(session, std::move(draft), lower, {}, stop);
}

Result<std::optional<StepOutcome>> reuse_traced(Session& session, const PreparedStep& step,
                                                const StepGround& ground, const CancelToken& stop,
                                                std::vector<std::string>& reasons) {
  const auto& run = *step.plan->as<recipes::RunStep>();
  if (!untraceable(session, run).empty() || fs::owners_are_recorded()) return std::nullopt;
  TraceComparison comparison(session, step, ground, stop);
  const auto fits = [&](const fs::ImageTrace& trace) -> Result<bool> {
    std::vector<std::string> differences = TRY(comparison.differences(trace));
    const bool is_first = reasons.empty();
    for (std::string& difference : differences)
      if (is_first) reasons.push_back("it used " + std::move(difference));
    return differences.empty();
  };
  StepTraces traces(session.workshop.store().database(), session.workshop.layers());
  auto candidate = TRY(traces.find(TRY(traced_command(session, step)), k_most_candidates, fits));
  TRY(session.digests.keep());
  if (!candidate) return std::nullopt;
  const StepOutcome made{candidate->layer, candidate->bytes, candidate->entries};
  StepOutcome outcome = TRY(apply_layer(session, made, *TRY(comparison.layers()), stop));
  reasons = {fmt::format("all {} paths that it used are the same", candidate->trace.size())};
  outcome.trace = std::move(candidate->trace);
  outcome.seconds = candidate->seconds;
  return outcome;
}

}  // namespace ecrin::build

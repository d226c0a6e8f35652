#include "build/step_reuse.hpp"

#include "build/traced_step.hpp"
#include "build/tree_results.hpp"
#include "oci/digest.hpp"

namespace ecrin::build {
namespace {

// Does the result depend on the tree below?
bool stands_on_tree(const PreparedStep& step) {
  return step.plan->parent && makes_layer(*step.plan) && !is_independent(*step.plan);
}

std::vector<oci::DiffId> diff_ids_of(const ImagePointer& base) {
  return base ? base->config.diff_ids : std::vector<oci::DiffId>();
}

Result<> add_layer(std::vector<oci::DiffId>& diff_ids, const fs::Layer& layer) {
  diff_ids.push_back(oci::DiffId{TRY(oci::Digest::parse(layer.diff_id))});
  return {};
}

std::string tree_of(const std::vector<oci::DiffId>& diff_ids) {
  return diff_ids.empty() ? "" : oci::chain_id(diff_ids).digest.to_string();
}

Result<std::optional<StepOutcome>> find_on_same_tree(Session& session, LayerHasher& hasher,
                                                     const PreparedStep& step, const LayerChain& below) {
  TreeResults results(session.workshop.store().database(), session.workshop.layers());
  const std::string command = TRY(whole_command(session, step));
  if (!TRY(results.knows(command))) return std::nullopt;
  std::vector<oci::DiffId> diff_ids = diff_ids_of(below.base);
  for (const fs::Layer& layer : below.layers) TRY(add_layer(diff_ids, TRY(hasher.sealed(layer))));
  const auto found = TRY(results.find(command, tree_of(diff_ids)));
  if (!found) return std::nullopt;
  StepOutcome outcome{found->layer, found->bytes, found->entries};
  outcome.seconds = found->seconds;
  return outcome;
}

}  // namespace

Result<Reuse> find_reuse(Session& session, LayerHasher& hasher, const PreparedStep& step,
                         const StepGround& ground, bool in_image, const CancelToken& stop) {
  Reuse reuse;
  if (!stands_on_tree(step)) return reuse;
  const auto* run = step.plan->as<recipes::RunStep>();
  if (run) {
    reuse.outcome = TRY(reuse_traced(session, step, ground, stop, reuse.reasons));
    if (reuse.outcome || !untraceable(session, *run).empty()) return reuse;
  }
  if (!in_image) return reuse;
  reuse.outcome = TRY(find_on_same_tree(session, hasher, step, ground.below));
  if (reuse.outcome)
    reuse.reasons = {"the tree below it is the same as before, though steps there ran again"};
  return reuse;
}

Result<> remember_results(Session& session, const std::vector<CommittedStep>& steps) {
  std::vector<TreeResults::Row> rows;
  std::vector<oci::DiffId> diff_ids;
  for (const CommittedStep& committed : steps) {
    const PreparedStep& step = *committed.step;
    if (diff_ids.empty()) diff_ids = diff_ids_of(step.base);
    if (stands_on_tree(step)) {
      const std::string command = TRY(whole_command(session, step));
      rows.push_back({command, tree_of(diff_ids), step.key});
    }
    if (committed.layer) TRY(add_layer(diff_ids, *committed.layer));
  }
  return TreeResults(session.workshop.store().database(), session.workshop.layers()).add(rows);
}

}  // namespace ecrin::build

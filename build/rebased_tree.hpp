// RebasedTree: the tree of an image that is put on another base, as its steps come to stand there one by one,
// with their rows in the build cache. Internal to build/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/layer_hasher.hpp"
#include "build/own_steps.hpp"
#include "build/session.hpp"
#include "build/step_spec.hpp"
#include "build/traced_rebase.hpp"
#include "fs/tree_compare.hpp"

namespace ecrin::build {

/// A step on the new tree.
struct SettledStep {
  RebasedStep report;
  StepOutcome outcome;
  KeyInputs inputs = {};              // there; empty: not known
  bool is_cached = false;             // there is a row of it
  bool is_sure = true;                // the step would make just that
  std::string command = {};           // of its trace
  std::optional<StepSpec> spec = {};  // of a RUN step
  std::vector<std::string> doubts = {};
};

class RebasedTree {
public:
  RebasedTree(Session& session, const StepRebase& request) : m_session(session), m_request(request) {}
  /// `known`: the inputs of any of the image's steps; empty: nothing is known of any.
  Result<> open(const KeyInputs& known);

  const LayerChain& before() const { return m_before; }  // below the next step in the image
  const LayerChain& now() const { return m_now; }
  const std::string& key() const { return m_key; }
  LayerHasher& hasher() { return *m_hasher; }
  Result<std::vector<fs::Layer>> layers() { return m_session.directories(m_now, m_session.cancel); }
  StepOutcome made_by(const OwnStep& step) const;  // in the image

  /// The result of a step with these inputs that ran on this very tree before.
  Result<std::optional<StepOutcome>> cached(const KeyInputs& inputs);
  /// What a RUN step with a trace would see that it did not see before, as people read it; a few of all.
  Result<std::vector<std::string>> differences_for(const OwnStep& step, const KeyInputs& inputs);
  /// From before() to now().
  Result<const std::vector<fs::Difference>*> differences();

  /// The next step. Its result is in the store from now on.
  Result<> put(const OwnStep& step, const StepOutcome& made, SettledStep settled);
  /// The same without a trace in the store: as it is in the image.
  void put_unchanged(const OwnStep& step);
  /// When all steps are there.
  Result<RebasedSteps> finish(const std::vector<OwnStep>& steps);

private:
  Result<> record(const OwnStep& step, SettledStep& settled);

  Session& m_session;
  const StepRebase& m_request;
  std::optional<LayerHasher> m_hasher;
  std::vector<fs::Layer> m_old;  // of the image
  LayerChain m_before;
  LayerChain m_now;
  std::string m_name;  // of the tree now: tree_name
  std::string m_key;
  std::optional<std::vector<fs::Difference>> m_differences;
  std::vector<SettledStep> m_settled;
  std::vector<std::string> m_keys;  // of the same
};

}  // namespace ecrin::build

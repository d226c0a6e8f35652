// RUN steps with the traced cache (build/step_traces.hpp): a mount that tells what a step uses, and results
// of earlier runs that used only what is the same now. Internal to build/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "build/session.hpp"
#include "fs/fuse/traced_tree.hpp"

namespace ecrin::build {

/// Why no trace says all that the result of this step depends on; "" = one does.
std::string untraceable(Session& session, const recipes::RunStep& run);
/// What the step is by itself, whatever it runs on (command_key), with the contents of its secrets.
Result<std::string> whole_command(Session& session, const PreparedStep& step);
/// The same without what its trace tells: files of the context (build/traced_binds.hpp) and trees
/// (build/traced_inputs.hpp) that it mounts.
Result<std::string> traced_command(Session& session, const PreparedStep& step);

/// As mount_layers() for a step.
struct TracedMount {
  TreeMount mount;
  fs::TracedTree* tree = nullptr;  // that of the mount
};
/// With at least one layer. Not everywhere: a step whose tree cannot be mounted so runs without.
Result<TracedMount> mount_traced(Session& session, const std::vector<fs::Layer>& layers,
                                 const CancelToken& stop);
Result<fs::ImageTrace> trace_of(Session& session, fs::TracedTree& tree, const CancelToken& stop);

/// The layer of a step as it is on another tree, on which the step would change the same: what is there
/// already drops out, and directories of the tree keep their times. Mostly it is the same there, and then it
/// is the same layer.
Result<StepOutcome> apply_layer(Session& session, const StepOutcome& made,
                                const std::vector<fs::Layer>& layers, const CancelToken& stop);

/// The result of an earlier run that stands for one on this ground, applied to it. None: the step has to run;
/// `reasons` then says what differs from what was used before, and else what was found to be the same.
Result<std::optional<StepOutcome>> reuse_traced(Session& session, const PreparedStep& step,
                                                const StepGround& ground, const CancelToken& stop,
                                                std::vector<std::string>& reasons);

}  // namespace ecrin::build

// TraceComparison: earlier runs of a step against what the step would find now. Internal to build/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "build/session.hpp"
#include "build/traced_inputs.hpp"
#include "fs/fuse/image_view.hpp"

namespace ecrin::build {

/// Opens the trees when they are first asked for.
class TraceComparison {
public:
  TraceComparison(Session& session, const PreparedStep& step, const StepGround& ground,
                  const CancelToken& stop);
  /// What a run with this trace used and the step would find different: a few of it, as people read it.
  Result<std::vector<std::string>> differences(const fs::ImageTrace& trace);
  /// Of the tree below the step.
  Result<const std::vector<fs::Layer>*> layers();

private:
  struct Tree {
    std::vector<fs::Layer> layers;
    std::unique_ptr<fs::ImageView> view;  // nullptr: there are no layers
  };
  Result<Tree*> tree(const std::string& name);
  Result<> compare_input(const TracedInput& input, const fs::ImageTrace& trace,
                         std::vector<std::string>& differences);

  Session& m_session;
  const PreparedStep& m_step;
  const StepGround& m_ground;
  const CancelToken& m_stop;
  std::vector<TracedInput> m_inputs;
  std::map<std::string, Tree> m_trees;  // by the name of the stage or image; "": the one below
};

}  // namespace ecrin::build

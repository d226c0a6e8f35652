#include "build/trace_comparison.hpp"

#include "base/text.hpp"
#include "build/traced_binds.hpp"

namespace ecrin::build {
namespace {

constexpr std::size_t k_shown = 3;

}  // namespace

TraceComparison::TraceComparison(Session& session, const PreparedStep& step, const StepGround& ground,
                                 const CancelToken& stop)
    : m_session(session), m_step(step), m_ground(ground), m_stop(stop), m_inputs(traced_inputs(step)) {}

Result<TraceComparison::Tree*> TraceComparison::tree(const std::string& name) {
  if (const auto known = m_trees.find(name); known != m_trees.end()) return &known->second;
  Tree tree;
  const LayerChain chain = name.empty() ? m_ground.below : chain_of_input(m_step, name, m_ground.chain_of);
  tree.layers = TRY(m_session.directories(chain, m_stop));
  if (!tree.layers.empty())
    tree.view = TRY(fs::open_image_view(distinct_layer_paths(m_session.workshop, tree.layers), &m_stop));
  return &m_trees.emplace(name, std::move(tree)).first->second;
}

Result<const std::vector<fs::Layer>*> TraceComparison::layers() {
  return &(TRY(tree("")))->layers;
}

Result<> TraceComparison::compare_input(const TracedInput& input, const fs::ImageTrace& trace,
                                        std::vector<std::string>& differences) {
  const fs::ImageTrace used = part_of(trace, input);
  const std::string place = fmt::format("of '{}'", printable(input.name));
  const Tree& now = *TRY(tree(input.name));
  if (used.empty()) {
    differences.push_back("files " + place + ": it is not known which");
  } else if (!now.view) {
    if (used != trace_of_nothing()) differences.push_back("files " + place + ": there are none now");
  } else {
    for (const std::string& difference :
         TRY(fs::trace_differences(used, *now.view, m_session.digests.function(), k_shown, &m_stop)))
      differences.push_back(fmt::format("{} ({})", difference, place));
  }
  return {};
}

Result<std::vector<std::string>> TraceComparison::differences(const fs::ImageTrace& trace) {
  // What is known already comes first: files of trees may have to be read.
  if (std::string difference = file_difference(trace, m_step); !difference.empty())
    return std::vector<std::string>{std::move(difference)};
  std::vector<std::string> differences = TRY(
      fs::trace_differences(trace, *(TRY(tree("")))->view, m_session.digests.function(), k_shown, &m_stop));
  for (std::size_t i = 0; i < m_inputs.size() && differences.empty(); ++i)
    TRY(compare_input(m_inputs[i], trace, differences));
  return differences;
}

}  // namespace ecrin::build

#include "build/session.hpp"

#include "base/encoding.hpp"
#include "base/hash.hpp"

namespace ecrin::build {

Result<std::vector<fs::Layer>> Session::directories(const LayerChain& chain, const CancelToken& stop) {
  std::vector<fs::Layer> layers;
  if (chain.base && !chain.base->manifest.layers.empty()) {
    std::shared_ptr<Unpacked> unpacked;
    {
      const std::scoped_lock lock(m_mutex);
      auto& slot = m_unpacked[chain.base->manifest_descriptor.digest.to_string()];
      if (!slot) slot = std::make_shared<Unpacked>();
      unpacked = slot;
    }
    const std::scoped_lock lock(unpacked->mutex);
    if (!unpacked->layers) unpacked->layers = TRY(workshop.unpack(*chain.base, &stop));
    layers = *unpacked->layers;
  }
  layers.insert(layers.end(), chain.layers.begin(), chain.layers.end());
  return layers;
}

LayerChain chain_of_input(const PreparedStep& step, const std::string& name, const ChainOf& chain_of) {
  if (const auto image = step.images.find(name); image != step.images.end()) return {image->second, {}};
  for (const StepInput& input : step.plan->inputs)
    if (input.name == name && input.stage_step) return chain_of(*input.stage_step);
  return {};
}

Session::ContextCopy& Session::context_copy(const SourceItem& item) {
  // Files as they were when the step was prepared: what changed since then is another copy, or an error.
  Encoder what;
  what.put(item.named);
  for (const SourceEntry& entry : item.entries) what.put(entry.path).put(stamp_of(entry.status));
  const std::scoped_lock lock(m_mutex);
  return m_context_copies[sha256_hex(what.bytes())];
}

std::string StartingTree::name() const {
  std::string name;
  for (std::size_t i = 0; i < layers.size(); ++i) name = tree_name(layers[i].id, name, independent[i]);
  return name;
}

const StartingTree* Session::start_of(const PlanStep& step) const {
  if (!step.is_from()) return nullptr;
  const auto found = starts.find(plan.stages[step.stage].stage->name);
  return found == starts.end() ? nullptr : &found->second;
}

Result<const BuildContext*> Session::need_context() const {
  if (!context) {
    auto error = Error(ErrorKind::invalid, "this build has no context to copy files from");
    return std::unexpected(
        std::move(error).hint("give a directory: the files that the recipe copies are there"));
  }
  return context.get();
}

Result<const BuildContext*> Session::files_of(const std::string& name) const {
  if (name.empty()) return need_context();
  const auto found = named.find(name);
  return found == named.end() ? nullptr : found->second.context.get();
}

}  // namespace ecrin::build

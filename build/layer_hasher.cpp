#include "build/layer_hasher.hpp"

#include "base/hash.hpp"
#include "base/posix.hpp"
#include "fs/changeset.hpp"

namespace ecrin::build {

Result<fs::Layer> LayerHasher::hash(const fs::Layer& layer) {
  TRY(m_stop.check());
  const Fd directory = TRY(posix::open(m_layers.path(layer), O_RDONLY | O_DIRECTORY));
  HashingSink hash(nullptr);
  BufferedSink buffered(hash);
  TRY_WHILE(fs::write_layer(directory, buffered, &m_stop), "computing the diff ID of layer {}", layer.id);
  TRY(buffered.finish());
  fs::Layer sealed = TRY(m_layers.seal(layer.id, "sha256:" + hash.finish_hex(), hash.count()));
  if (sealed.id != layer.id) TRY(m_cache.replace_layer(layer.id, sealed.id));
  return sealed;
}

void LayerHasher::add(const fs::Layer& layer) {
  const std::scoped_lock lock(m_mutex);
  if (!layer.diff_id.empty() || m_results.contains(layer.id)) return;
  m_results.emplace(layer.id, m_pool.submit([this, layer] { return hash(layer); }).share());
}

Result<fs::Layer> LayerHasher::sealed(const fs::Layer& layer) {
  if (!layer.diff_id.empty()) return layer;
  add(layer);
  std::shared_future<Result<fs::Layer>> result;
  {
    const std::scoped_lock lock(m_mutex);
    result = m_results.at(layer.id);
  }
  return result.get();
}

}  // namespace ecrin::build

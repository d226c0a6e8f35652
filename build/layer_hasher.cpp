#include "build/layer_hasher.hpp"

#include "base/hash.hpp"
#include "base/posix.hpp"
#include "fs/changeset.hpp"

namespace ecrin::build {

Result<HashedLayer> hash_layer(const Fd& directory, const GuardedSecrets& secrets, const CancelToken* stop) {
  HashingSink hash(nullptr);
  BufferedSink buffered(hash);
  if (secrets.empty()) {
    TRY(fs::write_layer(directory, buffered, stop));
  } else {
    SecretGuardSink guard(buffered, secrets);
    TRY(fs::write_layer(directory, guard, stop, [&](const fs::TarEntry& entry) { guard.begin(entry); }));
  }
  TRY(buffered.finish());
  return HashedLayer{"sha256:" + hash.finish_hex(), hash.count()};
}

Result<fs::Layer> LayerHasher::hash(const fs::Layer& layer) {
  TRY(m_stop.check());
  const Fd directory = TRY(posix::open(m_layers.path(layer), O_RDONLY | O_DIRECTORY));
  const HashedLayer hashed =
      TRY_WHILE(hash_layer(directory, {}, &m_stop), "computing the diff ID of layer {}", layer.id);
  fs::Layer sealed = TRY(m_layers.seal(layer.id, hashed.diff_id, hashed.size));
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

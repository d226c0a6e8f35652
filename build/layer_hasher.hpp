// LayerHasher: computes diff IDs of published layers in workers, off the critical path: the next step runs on
// the directory meanwhile.
#pragma once

#include <future>
#include <map>
#include <mutex>
#include <string>

#include "base/cancel.hpp"
#include "base/thread_pool.hpp"
#include "build/build_cache.hpp"
#include "build/secrets.hpp"
#include "fs/layer_store.hpp"

namespace ecrin::build {

struct HashedLayer {
  std::string diff_id;
  std::uint64_t size = 0;  // of the tar
};
/// Over a layer's directory. Fails when an entry holds one of `secrets`.
Result<HashedLayer> hash_layer(const Fd& directory, const GuardedSecrets& secrets, const CancelToken* stop);

class LayerHasher {
public:
  LayerHasher(fs::LayerStore& layers, BuildCache& cache, std::size_t threads)
      : m_layers(layers), m_cache(cache), m_pool(threads) {}
  /// What waits is dropped, what runs is stopped: an unsealed layer is hashed by the next build that uses it.
  ~LayerHasher() { m_stop.cancel(); }

  /// Starts on this layer unless its diff ID is known.
  void add(const fs::Layer& layer);
  /// The layer with its diff ID. Waits. It may be another directory with the same content.
  Result<fs::Layer> sealed(const fs::Layer& layer);
  void stop() { m_stop.cancel(); }

private:
  Result<fs::Layer> hash(const fs::Layer& layer);
  fs::LayerStore& m_layers;
  BuildCache& m_cache;
  CancelToken m_stop;
  std::mutex m_mutex;
  std::map<std::string, std::shared_future<Result<fs::Layer>>> m_results;  // by directory id
  ThreadPool m_pool;  // last: its workers use all of the above
};

}  // namespace ecrin::build

// StepTraces: what RUN steps used of the trees that they ran on (fs/fuse/image_trace.hpp), by what they run.
// A step whose key is not in the cache, but of which an earlier run used only what is the same in its new
// tree, has that run's result.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/database.hpp"
#include "build/cache_key.hpp"
#include "fs/fuse/image_trace.hpp"
#include "fs/layer_store.hpp"

namespace ecrin::build {

/// Of a step on whatever tree: its key without that of its parent. `more`: what counts for traces only.
std::string command_key(const KeyInputs& inputs, const KeyInputs& more = {});

class StepTraces {
public:
  /// The tables; after those of the build cache.
  static Result<> migrate(Database& database);
  StepTraces(Database& database, fs::LayerStore& layers) : m_database(database), m_layers(layers) {}

  /// A digest of a secret that only this store can make.
  Result<std::string> secret_digest(std::string_view secret);

  /// `key` is that of the row in the build cache (BuildCache::add), which must be there: a new row under a
  /// key takes the trace of the one before away.
  Result<> add(const std::string& command, const std::string& key, const fs::ImageTrace& trace,
               std::int64_t now);

  /// Under which the trace of this key is found; "" = it has none.
  Result<std::string> command(const std::string& key);
  /// What the step of this key used; none: not known.
  Result<std::optional<fs::ImageTrace>> of(const std::string& key);

  /// The same as it is kept, for other machines.
  struct Packed {
    std::string command;
    std::string bytes;  // encode_trace, zstd
    std::string layer;  // id of the result's; "" = none
  };
  Result<std::optional<Packed>> packed(const std::string& key);

  struct Candidate {
    std::string key;
    fs::ImageTrace trace;
    std::optional<fs::Layer> layer;  // held; none: the step changed nothing
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
    double seconds = 0;
  };
  /// The first one that fits, of those whose results are still there; the last used are asked first, at most
  /// `limit`.
  using Fits = std::function<Result<bool>(const fs::ImageTrace& trace)>;
  Result<std::optional<Candidate>> find(const std::string& command, std::size_t limit, const Fits& fits);

private:
  Result<std::string> secret_key();  // "" = there is none yet
  Database& m_database;
  fs::LayerStore& m_layers;
};

}  // namespace ecrin::build

#include "build/shared_import.hpp"

#include <algorithm>
#include <chrono>

#include "base/compression.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/thread_pool.hpp"
#include "build/layer_unpacker.hpp"
#include "build/unpacking_destination.hpp"
#include "fs/changeset.hpp"
#include "fs/layer_apply.hpp"
#include "fs/tree.hpp"
#include "oci/packed_layers.hpp"

namespace ecrin::build {

namespace {

using SteadyClock = std::chrono::steady_clock;

// A cache whose layers are bad again and again is not asked any more.
constexpr int k_failures = 3;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// An image is written from layer directories: one that another program packed in its own way would have
// other bytes then.
Result<> check_remade(fs::LayerStore& layers, const fs::Layer& layer, const oci::DiffId& diff_id,
                      const CancelToken& cancel) {
  const Fd directory = TRY(posix::open(layers.path(layer), O_RDONLY | O_DIRECTORY));
  HashingSink hash(nullptr, diff_id.digest.algorithm());
  BufferedSink buffered(hash);
  TRY(fs::write_layer(directory, buffered, &cancel));
  TRY(buffered.finish());
  if (hash.finish_hex() == diff_id.digest.hex()) return {};
  return fail(ErrorKind::invalid, "layer {} was not written by ecrin", diff_id.digest.to_string());
}

}  // namespace

SharedCaches::SharedCaches(Workshop& workshop, const std::vector<CachePlace>& places, Note note)
    : m_workshop(workshop), m_note(std::move(note)), m_caches(places.size()) {
  for (std::size_t i = 0; i < places.size(); ++i) m_caches[i].place = &places[i];
}

Result<> SharedCaches::read_cache(Cache& cache, const CancelToken& cancel) {
  cache.source = TRY(cache.place->open_source(&cancel));
  cache.document = TRY(read_shared_cache(*cache.source, nullptr, &cancel));
  const auto& steps = cache.document->rows.steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    cache.by_key[steps[i].key].push_back(i);
    if (steps[i].trace) cache.by_command[steps[i].trace->command].push_back(i);
  }
  for (auto& [command, positions] : cache.by_command)
    std::ranges::stable_sort(positions, std::greater(), [&](std::size_t i) { return steps[i].used; });
  return {};
}

Result<> SharedCaches::read(const CancelToken& cancel) {
  if (m_caches.empty()) return {};
  std::vector<std::future<Result<>>> results;
  {
    ThreadPool pool(std::min<std::size_t>(m_caches.size(), 4));
    for (Cache& cache : m_caches)
      results.push_back(pool.submit([this, &cache, &cancel] { return read_cache(cache, cancel); }));
  }
  for (std::size_t i = 0; i < m_caches.size(); ++i) {
    const auto result = results[i].get();
    if (result) continue;
    if (result.error().kind() == ErrorKind::cancelled) return result;
    m_caches[i].document.reset();
    m_caches[i].forget();
    const std::string& name = m_caches[i].place->name;
    m_note(result.error().kind() == ErrorKind::not_found && !m_caches[i].source
               ? fmt::format("there is no cache '{}' yet", printable(name))
               : fmt::format("the cache '{}' is not used: {}", printable(name), result.error().message()));
  }
  return {};
}

const SharedStep* SharedCaches::lookup(const Cache& cache, const std::string& key,
                                       const std::string& below) const {
  const auto positions = cache.by_key.find(key);
  if (positions == cache.by_key.end()) return nullptr;
  for (const std::size_t position : positions->second) {
    const SharedStep& step = cache.document->rows.steps[position];
    if (step.below == below && !cache.bad.contains(position)) return &step;
  }
  return nullptr;
}

std::optional<SharedCaches::Found> SharedCaches::find(const std::string& key,
                                                      const std::string& below) const {
  const std::scoped_lock lock(m_mutex);
  for (std::size_t i = 0; i < m_caches.size(); ++i) {
    if (const SharedStep* step = lookup(m_caches[i], key, below)) return Found{i, *step};
  }
  return std::nullopt;
}

bool SharedCaches::has_key(const std::string& key) const {
  const std::scoped_lock lock(m_mutex);
  return std::ranges::any_of(m_caches, [&](const Cache& cache) { return cache.by_key.contains(key); });
}

bool SharedCaches::has_traces() const {
  const std::scoped_lock lock(m_mutex);
  return std::ranges::any_of(m_caches, [](const Cache& cache) { return !cache.by_command.empty(); });
}

std::vector<SharedCaches::Found> SharedCaches::with_command(const std::string& command) const {
  std::vector<Found> found;
  const std::scoped_lock lock(m_mutex);
  for (std::size_t i = 0; i < m_caches.size(); ++i) {
    const Cache& cache = m_caches[i];
    const auto positions = cache.by_command.find(command);
    if (positions == cache.by_command.end()) continue;
    for (const std::size_t position : positions->second) {
      const SharedStep& step = cache.document->rows.steps[position];
      if (!cache.bad.contains(position) && !cache.bad_traces.contains(step.trace->blob.digest))
        found.push_back({i, step});
    }
  }
  return found;
}

void SharedCaches::forget() {
  const std::scoped_lock lock(m_mutex);
  for (Cache& cache : m_caches) cache.forget();
}

void SharedCaches::give_up(const Found& found, const Error& error) {
  {
    const std::scoped_lock lock(m_mutex);
    Cache& cache = m_caches[found.cache];
    // Who cannot be reached now will not be in a moment.
    if (++cache.failures >= k_failures || error.kind() == ErrorKind::network) {
      cache.forget();
    } else if (const auto positions = cache.by_key.find(found.step.key); positions != cache.by_key.end()) {
      cache.bad.insert(positions->second.begin(), positions->second.end());
    }
  }
  m_note(fmt::format("the result of '{}' in the cache '{}' is not used: {}", printable(found.step.text, 80),
                     printable(name(found)), error.message()));
}

void SharedCaches::give_up_trace(const Found& found, const Error& error) {
  {
    const std::scoped_lock lock(m_mutex);
    Cache& cache = m_caches[found.cache];
    cache.bad_traces.insert(found.step.trace->blob.digest);
    if (++cache.failures >= k_failures || error.kind() == ErrorKind::network) cache.forget();
  }
  m_note(fmt::format("the trace of '{}' in the cache '{}' is not used: {}", printable(found.step.text, 80),
                     printable(name(found)), error.message()));
}

oci::BlobOpener SharedCaches::opener(const Found& found, const oci::Descriptor& blob,
                                     const CancelToken* cancel) {
  const Cache& cache = m_caches[found.cache];
  return [&cache, blob, cancel](std::uint64_t offset) { return cache.source->blob(blob, offset, cancel); };
}

Result<fs::Layer> SharedCaches::fetch_layer(Cache& cache, const SharedLayer& shared,
                                            const CancelToken& cancel) {
  fs::LayerStore& layers = m_workshop.layers();
  const std::string diff_id = shared.diff_id.digest.to_string();
  auto layer = TRY(layers.find(diff_id));
  if (!layer) {
    const oci::Descriptor& blob = *shared.blob;
    oci::ImageConfig config;
    config.diff_ids = {shared.diff_id};
    const auto destination = make_unpacking_destination(m_workshop, {});
    const oci::BlobOpener open = [&](std::uint64_t offset) {
      return cache.source->blob(blob, offset, &cancel);
    };
    const auto start = SteadyClock::now();
    TRY(destination->put_blob(blob, open, {.config = &config}, &cancel));
    m_estimate.add(blob.size, seconds_since(start));
    layer = TRY(layers.find(diff_id));
    if (!layer) return fail(ErrorKind::not_found, "layer {} is not in the store", diff_id);
    if (blob.media_type == oci::media_type::k_layer_zstd) {
      // A push need not pack it again.
      const auto packed = TRY(oci::PackedLayers::open(m_workshop.store()));
      TRY(packed->record(shared.diff_id.digest, {}, blob));
    }
  }
  TRY(check_remade(layers, *layer, shared.diff_id, cancel));
  return std::move(*layer);
}

Result<fs::Layer> SharedCaches::fetch(const Found& found, const CancelToken& cancel) {
  auto layer = fetch_layer(m_caches[found.cache], *found.step.layer, cancel);
  if (!layer && layer.error().kind() != ErrorKind::cancelled) give_up(found, layer.error());
  if (!layer && layer.error().kind() == ErrorKind::cancelled && !cancel.cancelled())
    give_up(found, layer.error());  // an end of a pipe that closed; nobody stopped this build
  return layer;
}

Result<fs::ImageTrace> SharedCaches::fetch_trace(const Found& found, const CancelToken& cancel) {
  const oci::Descriptor& blob = found.step.trace->blob;
  const auto read = [&]() -> Result<fs::ImageTrace> {
    if (blob.size > k_shared_trace_limit)
      return fail(ErrorKind::limit, "it has more than {} bytes", k_shared_trace_limit);
    const auto source = oci::verified_source(TRY(opener(found, blob, &cancel)(0)), blob.digest, blob.size);
    return unpack_foreign_trace(TRY(read_all(*source, k_shared_trace_limit)));
  };
  auto trace = read();
  if (!trace && !cancel.cancelled()) give_up_trace(found, trace.error());
  return trace;
}

bool SharedCaches::has_mount(const std::string& id) const {
  return std::ranges::any_of(m_caches, [&](const Cache& cache) {
    if (!cache.document) return false;
    const auto& mounts = cache.document->rows.mounts;
    return std::ranges::find(mounts, id, &SharedMount::id) != mounts.end();
  });
}

Result<bool> SharedCaches::fill_mount(const std::string& id, const Fd& directory, const CancelToken& cancel) {
  for (Cache& cache : m_caches) {
    if (!cache.document) continue;
    const auto& mounts = cache.document->rows.mounts;
    const auto mount = std::ranges::find(mounts, id, &SharedMount::id);
    if (mount == mounts.end()) continue;
    const auto fill = [&]() -> Result<> {
      auto packed = oci::verified_source(TRY(cache.source->blob(mount->blob, 0, &cancel)), mount->blob.digest,
                                         mount->blob.size);
      auto plain = std::make_unique<LimitSource>(TRY(decompress_any(std::move(packed))),
                                                 expansion_limit(mount->blob.size), "the cache mount");
      TRY(fs::apply_layer(std::move(plain), directory, fs::ApplyForm::plain_tree, {}, &cancel));
      return {};
    };
    const auto filled = fill();
    if (filled) return true;
    TRY(fs::clear_directory(directory));
    if (cancel.cancelled()) return std::unexpected(filled.error());
    m_note(fmt::format("the cache mount '{}' in the cache '{}' is not used: {}", printable(id),
                       printable(cache.place->name), filled.error().message()));
  }
  return false;
}

std::vector<std::string> SharedCaches::reasons(const std::string& key, const std::string& text,
                                               const KeyInputs& inputs) const {
  std::vector<std::string> reasons;
  const std::scoped_lock lock(m_mutex);
  for (const Cache& cache : m_caches) {
    if (!cache.document) continue;
    const std::string where = fmt::format("cache '{}': ", printable(cache.place->name));
    if (cache.by_key.contains(key)) {
      reasons.push_back(where + "has it on top of another layer, or its layer is bad");
      continue;
    }
    const auto& steps = cache.document->rows.steps;
    const auto same = std::ranges::find_if(steps, [&](const SharedStep& step) {
      return step.text == printable(text, 300) && !step.inputs.empty();
    });
    if (same == steps.end()) {
      reasons.push_back(where + "no such step");
      continue;
    }
    for (const std::string& reason : explain_difference(same->inputs, inputs, "", 3))
      reasons.push_back(where + reason);
  }
  return reasons;
}

const SharedDocument* SharedCaches::document(const std::string& name) const {
  for (const Cache& cache : m_caches) {
    if (cache.place->name == name && cache.document) return &*cache.document;
  }
  return nullptr;
}

}  // namespace ecrin::build

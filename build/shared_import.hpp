// SharedCaches: the caches of --cache-from in one build. Their rows are read before the first step; a layer
// is fetched when somebody needs it. Whatever is wrong with a cache is a note and a miss, never an error.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "build/packed_trace.hpp"
#include "build/shared_cache.hpp"
#include "build/shared_document.hpp"
#include "build/shared_policy.hpp"
#include "build/workshop.hpp"

namespace ecrin::build {

class SharedCaches {
public:
  using Note = std::function<void(const std::string&)>;
  SharedCaches(Workshop& workshop, const std::vector<CachePlace>& places, Note note);

  /// Reads the rows, all caches at once. An error is ErrorKind::cancelled.
  Result<> read(const CancelToken& cancel);

  struct Found {
    std::size_t cache = 0;
    SharedStep step;
  };
  /// `below`: diff ID of the layer that the step stands on, "" = none of a build. The first cache that has
  /// it.
  std::optional<Found> find(const std::string& key, const std::string& below) const;
  bool has_key(const std::string& key) const;
  bool has_traces() const;
  /// Steps of this command (command_key) of which there is a trace, on whatever tree they ran: those of the
  /// first cache first, of one cache what was used last.
  std::vector<Found> with_command(const std::string& command) const;
  const std::string& name(const Found& found) const { return m_caches[found.cache].place->name; }

  /// The layer, in the store. On an error other than ErrorKind::cancelled the row is not found any more, and
  /// a note has said why.
  Result<fs::Layer> fetch(const Found& found, const CancelToken& cancel);
  /// What a step with a trace used. On an error other than ErrorKind::cancelled it is not found with its
  /// command any more, and a note has said why.
  Result<fs::ImageTrace> fetch_trace(const Found& found, const CancelToken& cancel);
  /// The bytes of a row's blob, as the cache has them.
  oci::BlobOpener opener(const Found& found, const oci::Descriptor& blob, const CancelToken* cancel);
  /// Nothing is found any more.
  void forget();

  bool has_mount(const std::string& id) const;
  /// What a cache has under this name, into an empty directory that nobody else sees; false: nothing that is
  /// good.
  Result<bool> fill_mount(const std::string& id, const Fd& directory, const CancelToken& cancel);

  /// For --explain: why a step with these inputs was not found.
  std::vector<std::string> reasons(const std::string& key, const std::string& text,
                                   const KeyInputs& inputs) const;

  /// The rows of the cache with this name as they were read; nullptr: not read, or not this one.
  const SharedDocument* document(const std::string& name) const;
  TransferEstimate& estimate() { return m_estimate; }

private:
  struct Cache {
    const CachePlace* place = nullptr;
    std::unique_ptr<oci::ImageSource> source;
    std::optional<SharedDocument> document;
    std::map<std::string, std::vector<std::size_t>> by_key;      // positions in the document's steps
    std::map<std::string, std::vector<std::size_t>> by_command;  // those that have traces
    std::set<std::size_t> bad;                                   // of these
    std::set<oci::Digest> bad_traces;
    int failures = 0;
    void forget() {
      by_key.clear();
      by_command.clear();
    }
  };
  Result<> read_cache(Cache& cache, const CancelToken& cancel);
  Result<fs::Layer> fetch_layer(Cache& cache, const SharedLayer& layer, const CancelToken& cancel);
  void give_up(const Found& found, const Error& error);
  void give_up_trace(const Found& found, const Error& error);
  const SharedStep* lookup(const Cache& cache, const std::string& key, const std::string& below) const;

  Workshop& m_workshop;
  Note m_note;
  TransferEstimate m_estimate;
  std::vector<Cache> m_caches;
  mutable std::mutex m_mutex;  // guards what is found bad
};

}  // namespace ecrin::build

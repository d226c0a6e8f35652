// SharedExport: one --cache-to of a build. A layer is packed and sent while the next steps run; what the
// cache has already is not sent. The rows come last, after all blobs that they name, merged with what other
// builders wrote meanwhile.
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "base/thread_pool.hpp"
#include "build/late_observer.hpp"
#include "build/secrets.hpp"
#include "build/shared_import.hpp"
#include "oci/layer_upload.hpp"

namespace ecrin::build {

struct ExportedStep {
  SharedStep row;  // `below` and `layer` are filled in, unless it is a row of another cache
  std::optional<fs::Layer> layer;
  std::optional<fs::Layer> below;
  bool repeats_exactly = false;
  bool needs_stages = false;  // running it needs trees of other stages: its layer always goes along
  std::optional<SharedCaches::Found> found = std::nullopt;  // its layer is in that cache, not here
  bool wants_trace = false;         // its own goes along, else one that a cache has of this result
  oci::BlobOpener open_trace = {};  // the bytes of the row's
  std::string traced_layer = "";    // that the row's is of, as the store calls it; "" = it changed nothing
};

/// A cache directory to be exported.
struct ExportedMount {
  std::string id;
  std::string directory;            // path of <store>/cache/NAME
  bool changed = false;             // a step of this build had it
  std::string unknown_secret = {};  // that its steps may have had, and nobody can look for
};

class SharedExport {
public:
  /// The layer with its diff ID; waits for it.
  using Seal = std::function<Result<fs::Layer>(const fs::Layer&)>;
  SharedExport(Workshop& workshop, const CacheTarget& target, SharedCaches& caches, Seal seal,
               std::int64_t now, const CancelToken& cancel);
  /// Without finish() what goes on is stopped.
  ~SharedExport();

  const CacheTarget& target() const { return m_target; }
  /// Begins with its layer, if it is worth that. Safe from any thread.
  void add(ExportedStep step);
  /// Sends the rest, then the rows. A mount that holds one of `secrets` stays here. `note` hears of what is
  /// left out.
  Result<> finish(const std::vector<ExportedMount>& mounts, const GuardedSecrets& secrets,
                  std::shared_ptr<oci::CopyObserver> observer, const SharedCaches::Note& note);

private:
  struct Entry {
    ExportedStep step;
    std::future<Result<>> task;
    bool postponed = false;  // by itself it is not worth it
    bool trace_sent = false;
  };
  void begin();
  Result<SharedDocument> read_target(const SharedDocument* known);
  Result<> resolve(Entry& entry);
  Result<> resolve_layer(Entry& entry);
  Result<> upload(Entry& entry);
  void find_trace(ExportedStep& step);
  Result<> send_trace(Entry& entry);
  Result<oci::Descriptor> send_layer(oci::PlainLayer layer, oci::ImageDestination& to);
  Result<oci::Descriptor> upload_layer(oci::PlainLayer layer, oci::ImageDestination& to);
  using Send = std::function<Result<oci::Descriptor>()>;
  Result<oci::Descriptor> send_once(const std::string& digest, const Send& send);
  Result<> upload_postponed();
  Result<> send_traces();
  Result<oci::ImageDestination*> destination();
  bool is_there(SharedStep& row) const;
  Result<> add_mount(const ExportedMount& mount, const GuardedSecrets& secrets,
                     const SharedCaches::Note& note);
  Result<> write_rows(const SharedCaches::Note& note);
  SharedRows merged_with(const SharedRows& there) const;
  bool is_current(const SharedRows& there) const;

  Workshop& m_workshop;
  const CacheTarget& m_target;
  SharedCaches& m_caches;
  Seal m_seal;
  std::int64_t m_today;
  CancelToken m_stop;
  LateObserver m_observer;
  std::unique_ptr<oci::PackedLayers> m_packed;
  std::mutex m_destination_mutex;
  std::unique_ptr<oci::ImageDestination> m_destination;
  std::shared_future<Result<SharedDocument>> m_there;  // as it was when the build began
  std::mutex m_mutex;
  std::deque<Entry> m_entries;  // guarded; an entry stays where it is
  // Guarded; layers by diff ID, traces by digest.
  std::map<std::string, std::shared_future<Result<oci::Descriptor>>> m_sent;
  SharedRows m_rows;                    // that this build adds
  std::set<std::string> m_used_mounts;  // ids of those that stay as they are there
  ThreadPool m_pool{2};                 // last: its workers use all of the above
};

}  // namespace ecrin::build

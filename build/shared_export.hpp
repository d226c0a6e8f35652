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
#include "build/secrets.hpp"
#include "build/shared_import.hpp"
#include "oci/layer_upload.hpp"

namespace ecrin::build {

/// Passes on what it hears as soon as there is somebody to tell, beginning with what goes on then.
class LateObserver final : public oci::CopyObserver {
public:
  void listen(std::shared_ptr<oci::CopyObserver> next);
  void blob_started(const oci::Descriptor& blob, std::uint64_t already) override;
  void blob_progress(const oci::Descriptor& blob, std::uint64_t bytes) override;
  void blob_finished(const oci::Descriptor& blob, oci::BlobOutcome outcome) override;

private:
  std::mutex m_mutex;
  std::shared_ptr<oci::CopyObserver> m_next;
  std::vector<oci::Descriptor> m_going;
};

struct ExportedStep {
  SharedStep row;  // `below` and `layer` are filled in, unless it is a row of another cache
  std::optional<fs::Layer> layer;
  std::optional<fs::Layer> below;
  bool repeats_exactly = false;
  bool needs_stages = false;  // running it needs trees of other stages: its layer always goes along
  std::optional<SharedCaches::Found> found = std::nullopt;  // its layer is in that cache, not here
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
  };
  void begin();
  Result<SharedDocument> read_target(const SharedDocument* known);
  Result<> resolve(Entry& entry);
  Result<> upload(Entry& entry);
  Result<oci::Descriptor> send_layer(oci::PlainLayer layer, oci::ImageDestination& to);
  Result<> upload_postponed();
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
  std::map<std::string, std::shared_future<Result<oci::Descriptor>>> m_sent;  // guarded; by diff ID
  SharedRows m_rows;                                                          // that this build adds
  std::set<std::string> m_used_mounts;  // ids of those that stay as they are there
  ThreadPool m_pool{2};                 // last: its workers use all of the above
};

}  // namespace ecrin::build

// SharedBuild: shared caches in one build: what of the plan they know, the layers that are on their way from
// there, and what this build adds to them. Internal to build/; the engine decides what is needed.
#pragma once

#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "build/layer_hasher.hpp"
#include "build/session.hpp"
#include "build/shared_export.hpp"

namespace ecrin::build {

class SharedBuild {
public:
  SharedBuild(Session& session, LayerHasher& hasher, SharedCaches::Note note);
  /// What goes on still is stopped.
  ~SharedBuild() { stop(); }

  /// Reads what the caches know. ErrorKind::cancelled, or no error.
  Result<> read();

  /// What is known of the steps that the store has no result of.
  struct Known {
    bool shared = false;                                      // the tree after it can be had from a cache
    std::optional<SharedCaches::Found> found = std::nullopt;  // none: it makes no layer
    bool remade = false;  // when it is needed, it runs: that is faster, and gives the same layer
  };
  /// `cached`: what is in the store, with these outcomes.
  std::vector<Known> look_up(const std::vector<std::optional<CachedStep>>& cached,
                             const std::vector<StepOutcome>& outcomes);

  void begin_fetch(std::size_t index, const SharedCaches::Found& found);
  /// Waits. Nothing when it could not be had.
  Result<std::optional<fs::Layer>> fetched(std::size_t index);
  /// The build failed: what is on its way is not waited for.
  void stop() { m_stop.cancel(); }
  /// Does the layer that a found step stands on turn out to be the one it was made on?
  Result<bool> fits(const SharedCaches::Found& found, const std::optional<fs::Layer>& below);

  struct Exported {
    StepOutcome outcome;
    std::optional<fs::Layer> below;
    double seconds = 0;
    bool in_image = false;
  };
  /// A result that is in the store. Once a step.
  void add(std::size_t index, const Exported& exported);
  /// A result that is in a cache only.
  void add(std::size_t index, const SharedCaches::Found& found, bool in_image);
  /// After the image. `ran`: the steps that this build ran. What failed is told, the first of it returned.
  std::optional<Error> finish(const std::vector<char>& ran, const std::vector<char>& in_image);

  SharedCaches& caches() { return m_caches; }

private:
  void choose_remade(std::vector<Known>& known);
  bool is_worth_fetching(std::size_t index, const SharedCaches::Found& found, bool has_followers);
  std::vector<ExportedMount> mounts(const std::vector<char>& ran, const std::vector<char>& in_image,
                                    bool all_steps) const;
  SharedStep row(std::size_t index) const;
  bool exports_trace(std::size_t index) const;
  void add_trace(ExportedStep& step) const;

  Session& m_session;
  LayerHasher& m_hasher;
  SharedCaches::Note m_note;
  CancelToken m_stop;
  SharedCaches m_caches;
  std::deque<SharedExport> m_exports;
  std::vector<char> m_added;
  std::vector<std::shared_future<Result<fs::Layer>>> m_fetches;
  std::unique_ptr<ThreadPool> m_pool;  // last: its workers use all of the above
};

}  // namespace ecrin::build

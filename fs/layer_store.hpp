// LayerStore: unpacked layers under <store>/layers/<id>/diff, in overlay form. A layer is known by its
// directory id from the moment a step ended (so that the next step can start on it) and by its diff ID once
// that is hashed. Keys of other modules (diff IDs) are opaque text here.
//
// Power cuts: rows made since the last sync carry the boot id; a row from an earlier boot that was never
// synced is dropped at open, with its directory. kill -9 loses nothing, because the kernel still has the
// pages.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/store.hpp"

namespace ecrin::fs {

struct Layer {
  std::string id;          // directory name
  std::string diff_id;     // "sha256:...", "" while not yet hashed
  std::uint64_t size = 0;  // bytes of its tar
};

/// A layer in the making: tmp/<lease>/<name>/ with `diff` and (for overlay) `work`. Removed unless published.
class LayerDraft {
public:
  LayerDraft(LayerDraft&&) noexcept = default;
  ~LayerDraft();
  const Fd& diff() const { return m_diff; }  // opened directory, mode 0755, owner root of the namespace
  const std::string& path() const { return m_path; }  // absolute; <path>/diff, <path>/work, <path>/merged
  /// Leaves the tree where it is (a failed step that the user wants to look at).
  void keep() { m_keep = true; }

private:
  friend class LayerStore;
  LayerDraft(Fd parent, std::string name, std::string path, Fd diff);
  Fd m_parent;
  std::string m_name;
  std::string m_path;
  Fd m_diff;
  bool m_keep = false;
};

class LayerStore {
public:
  static Result<std::unique_ptr<LayerStore>> open(Store& store);
  /// Layers of the other kind: with recorded owners where ours are real, and the other way round
  /// (file_owners.hpp). A user who got a range of ids later has both in one store. nullptr: there are none.
  /// Their trees are of no use here; those with real owners cannot even be removed with one id.
  static Result<std::unique_ptr<LayerStore>> open_other_kind(Store& store);

  Result<LayerDraft> draft();
  /// Moves the draft's diff directory to layers/<new id>/ and records it, held by this process.
  Result<Layer> publish(LayerDraft draft);
  /// Gives a published layer its diff ID and tar size. When another layer already has this diff ID, that one
  /// is returned and held, and this one becomes garbage.
  Result<Layer> seal(const std::string& id, const std::string& diff_id, std::uint64_t size);
  /// By diff ID or by directory id; held by this process when found.
  Result<std::optional<Layer>> find(const std::string& diff_id);
  /// The same for each of many, in one transaction.
  Result<std::vector<std::optional<Layer>>> find_each(const std::vector<std::string>& diff_ids);
  Result<std::optional<Layer>> find_id(const std::string& id);
  Result<std::vector<std::optional<Layer>>> find_each_id(const std::vector<std::string>& ids);
  /// In a transaction of the caller's, which has to be committed.
  Result<std::optional<Layer>> find_id(const std::string& id, const Database::Transaction& transaction);
  std::string path(const Layer& layer) const;       // absolute path of its diff directory
  Result<Fd> open_layer(const Layer& layer) const;  // O_PATH of its diff directory
  Result<std::vector<Layer>> list();
  /// Makes everything published so far survive a power cut: one syncfs, then the rows are marked.
  Result<> sync();
  /// Removes the row (garbage collection). The directory stays until a sweep() after the caller's transaction
  /// was committed: were it moved before, a kill in between would leave a row that points to nothing.
  Result<> retire(const std::string& id);
  /// Moves every directory that has no row to this process's tmp; the returned names are deleted by the
  /// caller. Opens a transaction of its own.
  Result<std::vector<std::string>> sweep();

private:
  LayerStore(Store& store, const char* name, Fd directory);
  Result<Statement> prepare(std::string_view statement) const;
  Result<std::optional<Layer>> find_one(std::string_view condition, const std::string& key);
  Result<std::vector<std::optional<Layer>>> find_where(std::string_view condition,
                                                       std::span<const std::string> keys);
  Result<> drop_lost(const std::string& boot_id);
  Store& m_store;
  const char* m_name;  // of the table and the directory
  Fd m_directory;
};

}  // namespace ecrin::fs

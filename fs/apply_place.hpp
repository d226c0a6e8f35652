// ApplyPlaces: where the entries of one layer go. Paths of the layer become directories by descriptor, and
// what an entry replaces or hides is dealt with here. Everything stays below the root, whatever the layer
// says.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fs/layer_apply.hpp"

namespace ecrin::fs {

/// A path as a layer may have it: relative, without ".." and ".", without a slash at the end. Empty: the
/// root.
struct LayerPath {
  std::string text;
  std::uint64_t depth = 0;  // components
  std::string_view name() const;
  std::string_view parent() const;
  Result<LayerPath> with_name(std::string_view name) const;  // another name in the same directory
};
Result<LayerPath> parse_layer_path(std::string_view text);

struct ParentPlace {
  Fd directory;                   // O_PATH
  bool hands_down_group = false;  // set-group-id: what is made in it gets its group
};
using ParentPointer = std::shared_ptr<const ParentPlace>;

class ApplyPlaces {
public:
  ApplyPlaces(const Fd& root, ApplyForm form) : m_root(root), m_form(form) {}
  const Fd& root() const { return m_root; }

  /// The directory that holds `path`. Directories that the layer does not mention are made: 0755, root:root,
  /// mtime 0. A symlink on the way leads to where it leads inside the root, if that exists.
  Result<ParentPointer> parent_of(const LayerPath& path);
  /// The same, making nothing.
  Result<ParentPointer> existing_parent_of(const LayerPath& path);

  /// Makes something new with `make`; what has the name already gives way, because the later entry of a layer
  /// wins.
  template <class Make>
  auto create(const ParentPlace& parent, const LayerPath& path, Make make) -> decltype(make()) {
    note(path);
    auto made = make();
    if (made || made.error().code() != EEXIST) return made;
    TRY(remove_existing(parent, path));
    return make();
  }
  enum class Made { now, before };
  Result<Made> make_directory(const ParentPlace& parent, const LayerPath& path);

  /// What lower layers have at this path is gone; what this layer has stays.
  Result<> hide(const LayerPath& target);
  /// The same for everything in the directory that holds `marker`.
  Result<> hide_all_beside(const LayerPath& marker);

  /// Metadata that later entries would spoil; set by finish_directories().
  void finish_later(const LayerPath& path, mode_t mode, std::int64_t mtime);
  Result<> finish_directories();

private:
  enum class Missing { make, report };
  struct DirectoryEnd {
    mode_t mode;
    std::int64_t mtime;
  };
  Result<ParentPointer> find_parent(const LayerPath& path, Missing missing);
  Result<Fd> walk_to(std::string_view directory, Missing missing);
  Result<Fd> step_over(const Fd& current, const std::string& name, const std::string& prefix,
                       Missing missing);
  Result<Fd> make_implicit(const Fd& current, const std::string& name, const std::string& prefix);
  Result<> remove_existing(const ParentPlace& parent, const LayerPath& path);
  Result<> remove_older(const Fd& directory, const std::string& prefix);
  Result<> remove_if_older(const Fd& parent, const LayerPath& path);
  void forget(const std::string& path);
  void note(const LayerPath& path);

  const Fd& m_root;
  ApplyForm m_form;
  std::vector<std::pair<std::string, ParentPointer>> m_recent;  // latest first
  std::map<std::string, DirectoryEnd> m_directories;
  std::set<std::string, std::less<>> m_mine;  // plain tree only: paths that this layer has
};

}  // namespace ecrin::fs

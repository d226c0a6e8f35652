// LowerTree: a read-only look at the tree that a stack of layer directories makes, without mounting it. It is
// walked in step with another tree: enter() and leave() may also go where nothing is.
//
// The root directory's own metadata come from the topmost layer that carries the root mark (fs/whiteout.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "fs/directory_stack.hpp"
#include "fs/metadata.hpp"
#include "fs/tree.hpp"
#include "fs/walk.hpp"

namespace ecrin::fs {

class LowerTree {
public:
  /// Nothing below.
  LowerTree() = default;
  /// One tree as it is (mounted, or a plain directory).
  static Result<LowerTree> of_tree(const Fd& tree);
  /// Layer directories in overlay form, bottom first: absolute paths. shown: whiteouts are found like files,
  /// for a look at layers that will stand on others.
  enum class Whiteouts { applied, shown };
  static Result<LowerTree> of_layers(const std::vector<std::string>& layers,
                                     Whiteouts whiteouts = Whiteouts::applied);

  struct Found {
    const Fd* directory;  // holds the name; valid until enter() or leave()
    struct stat status;
    Node node(const std::string& name) const { return {*directory, name, status}; }
  };
  /// What has this name in the directory where we stand.
  Result<std::optional<Found>> lookup(const std::string& name) const;
  /// All names there, sorted.
  Result<Names> names() const;
  /// Below anything that is no directory nothing is found, at any depth.
  Result<> enter(const std::string& name);
  Result<> leave();
  /// From wherever we stand to the directory of this real path below the root (no leading slash; "" is the
  /// root), through as little as possible of both.
  Result<> go_to(std::string_view path);
  bool is_empty() const { return m_levels.empty(); }
  /// Where we stand, as go_to() has it.
  std::string path() const;
  const RootMetadata& root() const { return m_root; }
  bool shows_whiteouts() const { return m_whiteouts == Whiteouts::shown; }
  /// Does the directory where we stand hide what layers below the lowest one have there? Never at the root.
  bool hides_below() const { return !m_levels.empty() && m_levels.back().hides_below; }
  /// The directories that make up the one where we stand, top first. Where two trees have the same ones, they
  /// are the same from here down.
  Result<std::vector<Inode>> parts() const;

private:
  /// False: there surely is no such name in this layer's part of the directory where we stand.
  bool may_have(std::size_t layer, const std::string& name) const;
  struct Level {
    std::vector<std::size_t> layers;  // that take part, top first
    bool hides_below = false;
    std::string name = {};  // "" for the root
  };
  std::vector<DirectoryStack> m_layers;                       // top first
  std::vector<std::shared_ptr<const Names>> m_names_of_root;  // of each; nullptr: not known
  std::vector<Level> m_levels;
  RootMetadata m_root;
  Whiteouts m_whiteouts = Whiteouts::applied;
};

/// Fills the empty directory `to` with the whole tree of `from` (which stands at its root), root metadata
/// included. A tree that shows whiteouts becomes one layer, with whiteouts and opaque directories. split:
/// every name gets an inode of its own, as overlay does to a lower file when it is changed. linked: files are
/// hard links to those of the layers, where the file system can, so that nobody may write to them.
enum class FileData { copied, linked };
Result<> materialise(LowerTree& from, const Fd& to, Hardlinks hardlinks, const CancelToken* cancel = nullptr,
                     FileData data = FileData::copied);

}  // namespace ecrin::fs

// ImageView: the tree that a stack of layers makes, as a kernel overlay of their directories shows it, out of
// their indexes alone. Only the data of files is read from the directories.
//
// What was looked up gets a number that stays as long as the view. Hard links of one layer share it; a
// directory is one node however many layers it comes from. All functions may be called from any thread.
#pragma once

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"
#include "base/posix.hpp"
#include "fs/fuse/growing_array.hpp"
#include "fs/fuse/layer_index.hpp"
#include "fs/metadata.hpp"

namespace ecrin::fs {

using NodeId = std::uint32_t;
inline constexpr NodeId k_root_node = 1;

class ImageView {
public:
  struct Layer {
    std::string path;  // absolute path of its directory
    std::shared_ptr<const LayerIndex> index;
  };
  /// Bottom first. Their number is bounded only by memory.
  static Result<std::unique_ptr<ImageView>> open(std::vector<Layer> layers);

  /// In a directory. Nothing of this name: empty. Damaged indexes: ErrorKind::invalid.
  Result<std::optional<NodeId>> lookup(NodeId directory, std::string_view name);

  /// The same for a path: "usr/bin/env", also with more slashes than it needs; "" is the root. No symlink is
  /// followed.
  Result<std::optional<NodeId>> lookup_path(std::string_view path);

  /// As stat(2) of a kernel overlay, but every directory has one link and 4096 bytes: there these tell how
  /// the tree is divided into layers. The inode number is that of list(). Its other times are those of
  /// modification.
  struct stat attributes(NodeId node) const;
  bool is_directory(NodeId node) const;
  /// With a zero byte behind it; empty unless it is a symlink.
  std::string_view link_target(NodeId node) const;
  std::vector<posix::Xattr> xattrs(NodeId node) const;  // sorted by name
  bool has_xattrs() const { return m_has_xattrs; }      // any node
  bool has_acls() const { return m_has_acls; }

  struct ListedName {
    std::string_view name;  // with a zero byte behind it
    std::uint64_t inode;
    std::uint32_t mode;
  };
  using Listing = std::vector<ListedName>;
  /// The names in a directory, sorted by bytes, without "." and "..". The last few are kept.
  std::shared_ptr<const Listing> list(NodeId directory);

  /// "usr/bin/env"; "" is the root. Of hard links the one that was looked up first.
  std::string path(NodeId node) const;
  std::string path(NodeId directory, std::string_view name) const;
  NodeId parent(NodeId node) const;  // of the root: itself
  std::string_view name(NodeId node) const;
  std::uint64_t inode(NodeId node) const;
  /// A regular file, for reading.
  Result<Fd> open_file(NodeId node) const;
  /// The directory of the layer that has it.
  const std::string& layer_path(NodeId node) const { return m_layers[state(node).layer].path; }

  bool is_node(std::uint64_t number) const { return number >= 1 && number <= node_count(); }
  std::size_t node_count() const { return m_node_count.load(std::memory_order_acquire); }

private:
  struct OpenLayer {
    std::string path;
    Fd directory;
    std::shared_ptr<const LayerIndex> index;
    std::uint64_t first_inode = 0;  // the number that its inode 0 has in the view
  };
  // A directory of a layer that a directory of the view is made of.
  struct Part {
    IndexDirectory children;
    std::uint32_t layer = 0;
  };
  struct NodeState {
    NodeId parent = 0;
    std::uint32_t layer = 0;
    const IndexRecord* record = nullptr;
    IndexDirectory home;                       // where the record is
    std::unique_ptr<std::vector<Part>> parts;  // top first; of directories
  };
  // A name, in the topmost layer that has it, and where that is.
  struct Place {
    std::size_t part;
    const IndexRecord* record;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, NodeId> nodes;  // by inode number
  };

  ImageView() = default;
  const NodeState& state(NodeId node) const { return *m_nodes.find(node); }
  std::uint64_t number(std::uint32_t layer, const IndexRecord& record) const {
    return m_layers[layer].first_inode + record.inode;
  }
  static std::optional<Place> find(const std::vector<Part>& parts, std::string_view name, std::size_t from);
  Result<std::unique_ptr<std::vector<Part>>> parts_of(const std::vector<Part>& parent, Place place,
                                                      std::string_view name) const;
  std::shared_ptr<const Listing> merge(const std::vector<Part>& parts) const;

  std::vector<OpenLayer> m_layers;  // top first
  RootMetadata m_root;
  bool m_has_xattrs = false;
  bool m_has_acls = false;
  GrowingArray<NodeState> m_nodes;
  std::atomic<NodeId> m_node_count = 0;
  std::array<Shard, 32> m_shards;
  std::mutex m_listings_mutex;
  std::list<std::pair<NodeId, std::shared_ptr<const Listing>>> m_listings;  // used last first
};

/// The view of these layers (absolute paths, bottom first), whose indexes are made where they are missing.
Result<std::unique_ptr<ImageView>> open_image_view(const std::vector<std::string>& layers,
                                                   const CancelToken* cancel = nullptr);

}  // namespace ecrin::fs

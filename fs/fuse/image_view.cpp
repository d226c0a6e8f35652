#include "fs/fuse/image_view.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::fs {

namespace {

constexpr std::size_t k_kept_listings = 16;

// What the root directory looks like: see open_layer_roots(), which reads the same off the disk.
RootMetadata root_metadata(const std::vector<ImageView::Layer>& bottom_first) {
  for (auto layer = bottom_first.rbegin(); layer != bottom_first.rend(); ++layer) {
    const IndexDirectory& top = layer->index->root();
    const IndexRecord& record = top.records()[0];
    if (!record.is(IndexRecord::root_mark)) continue;
    return {.mode = record.mode & 07777,
            .uid = record.uid,
            .gid = record.gid,
            .xattrs = in_scope(XattrScope::layer, top.xattrs(record))};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ImageView>> ImageView::open(std::vector<Layer> layers) {
  std::unique_ptr<ImageView> view(new ImageView);
  if (layers.empty()) return fail(ErrorKind::invalid, "a view needs a layer at least");
  view->m_root = root_metadata(layers);
  view->m_has_xattrs = !view->m_root.xattrs.empty();
  std::uint64_t inodes = 1;
  auto parts = std::make_unique<std::vector<Part>>();
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    const IndexRecord& top = layer->index->root().records()[0];
    Part part{.children = TRY(layer->index->children(top))};
    part.layer = static_cast<std::uint32_t>(view->m_layers.size());
    parts->push_back(part);
    view->m_has_xattrs = view->m_has_xattrs || layer->index->has_xattrs();
    view->m_has_acls = view->m_has_acls || layer->index->has_acls();
    OpenLayer opened;
    opened.directory = TRY(posix::open(layer->path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    opened.path = std::move(layer->path);
    opened.first_inode = inodes;
    inodes += layer->index->inodes();
    opened.index = std::move(layer->index);
    view->m_layers.push_back(std::move(opened));
    if (top.is(IndexRecord::opaque)) break;
  }
  NodeState& root = view->m_nodes.make(k_root_node);
  root.parent = k_root_node;
  root.home = view->m_layers[0].index->root();
  root.record = root.home.records().data();
  root.parts = std::move(parts);
  view->m_node_count = 1;
  return view;
}

std::optional<ImageView::Place> ImageView::find(const std::vector<Part>& parts, std::string_view name,
                                                std::size_t from) {
  for (std::size_t part = from; part < parts.size(); ++part) {
    if (const IndexRecord* record = parts[part].children.find(name)) return Place{part, record};
  }
  return std::nullopt;
}

// The directories under this name from the topmost down to what hides the others.
Result<std::unique_ptr<std::vector<ImageView::Part>>> ImageView::parts_of(const std::vector<Part>& parent,
                                                                          Place place,
                                                                          std::string_view name) const {
  auto parts = std::make_unique<std::vector<Part>>();
  for (std::optional<Place> next = place; next && next->record->is_directory();
       next = find(parent, name, next->part + 1)) {
    Part part{.children = TRY(m_layers[parent[next->part].layer].index->children(*next->record))};
    part.layer = parent[next->part].layer;
    parts->push_back(part);
    if (next->record->is(IndexRecord::opaque)) break;
  }
  return parts;
}

Result<std::optional<NodeId>> ImageView::lookup(NodeId directory, std::string_view name) {
  const NodeState& parent = state(directory);
  if (!parent.parts) return std::optional<NodeId>();
  const std::optional<Place> place = find(*parent.parts, name, 0);
  if (!place || place->record->is(IndexRecord::whiteout)) return std::optional<NodeId>();
  const Part& part = (*parent.parts)[place->part];
  const std::uint64_t inode = number(part.layer, *place->record);
  Shard& shard = m_shards[inode % m_shards.size()];
  {
    const std::scoped_lock lock(shard.mutex);
    if (const auto known = shard.nodes.find(inode); known != shard.nodes.end()) return known->second;
  }
  std::unique_ptr<std::vector<Part>> parts;
  if (place->record->is_directory()) parts = TRY(parts_of(*parent.parts, *place, name));

  const std::scoped_lock lock(shard.mutex);
  if (const auto known = shard.nodes.find(inode); known != shard.nodes.end()) return known->second;
  const NodeId node = m_node_count.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (node >= GrowingArray<NodeState>::k_capacity) {
    m_node_count.fetch_sub(1, std::memory_order_acq_rel);
    return fail(ErrorKind::limit, "more than {} files of an image are in use",
                GrowingArray<NodeState>::k_capacity);
  }
  NodeState& made = m_nodes.make(node);
  made.parent = directory;
  made.layer = part.layer;
  made.record = place->record;
  made.home = part.children;
  made.parts = std::move(parts);
  shard.nodes.emplace(inode, node);
  return node;
}

bool ImageView::is_directory(NodeId node) const {
  return state(node).parts != nullptr;
}

std::uint64_t ImageView::inode(NodeId node) const {
  return number(state(node).layer, *state(node).record);
}

Result<std::optional<NodeId>> ImageView::lookup_path(std::string_view path) {
  std::optional<NodeId> node = k_root_node;
  while (node && !path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0) node = TRY(lookup(*node, path.substr(0, end)));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return node;
}

struct stat ImageView::attributes(NodeId node) const {
  const NodeState& found = state(node);
  const IndexRecord& record = *found.record;
  struct stat status = {};
  status.st_ino = inode(node);
  status.st_mode = record.mode;
  status.st_uid = record.uid;
  status.st_gid = record.gid;
  status.st_nlink = record.links;
  status.st_rdev = record.device;
  status.st_size = static_cast<off_t>(record.size);
  status.st_blocks = static_cast<blkcnt_t>(record.blocks);
  status.st_blksize = 4096;
  status.st_mtim = {.tv_sec = record.seconds, .tv_nsec = static_cast<long>(record.nanoseconds)};
  status.st_atim = status.st_ctim = status.st_mtim;
  if (S_ISDIR(record.mode)) {
    status.st_nlink = 1;
    status.st_size = 4096;
    status.st_blocks = 8;
  }
  if (node == k_root_node) {
    status.st_mode = S_IFDIR | m_root.mode;
    status.st_uid = m_root.uid;
    status.st_gid = m_root.gid;
  }
  return status;
}

std::string_view ImageView::link_target(NodeId node) const {
  return state(node).home.target(*state(node).record);
}

std::vector<posix::Xattr> ImageView::xattrs(NodeId node) const {
  return node == k_root_node ? m_root.xattrs : state(node).home.xattrs(*state(node).record);
}

std::shared_ptr<const ImageView::Listing> ImageView::merge(const std::vector<Part>& parts) const {
  struct Candidate {
    std::string_view name;
    const IndexRecord* record;
    std::uint32_t layer;  // the smaller is nearer to the top
  };
  std::vector<Candidate> all;
  std::size_t count = 0;
  for (const Part& part : parts) count += part.children.records().size();
  all.reserve(count);
  for (const Part& part : parts) {
    for (const IndexRecord& record : part.children.records())
      all.push_back({part.children.name(record), &record, part.layer});
  }
  if (parts.size() > 1) {
    std::ranges::sort(all, [](const Candidate& a, const Candidate& b) {
      const int order = a.name.compare(b.name);
      return order < 0 || (order == 0 && a.layer < b.layer);
    });
    const auto others = std::ranges::unique(all, {}, &Candidate::name);
    all.erase(others.begin(), others.end());
  }
  auto listing = std::make_shared<Listing>();
  listing->reserve(all.size());
  for (const Candidate& one : all) {
    if (!one.record->is(IndexRecord::whiteout))
      listing->push_back({one.name, number(one.layer, *one.record), one.record->mode});
  }
  return listing;
}

std::shared_ptr<const ImageView::Listing> ImageView::list(NodeId directory) {
  {
    const std::scoped_lock lock(m_listings_mutex);
    const auto kept = std::ranges::find(m_listings, directory, &decltype(m_listings)::value_type::first);
    if (kept != m_listings.end()) {
      m_listings.splice(m_listings.begin(), m_listings, kept);
      return kept->second;
    }
  }
  const NodeState& found = state(directory);
  auto listing = found.parts ? merge(*found.parts) : std::make_shared<const Listing>();
  const std::scoped_lock lock(m_listings_mutex);
  m_listings.emplace_front(directory, listing);
  if (m_listings.size() > k_kept_listings) m_listings.pop_back();
  return listing;
}

NodeId ImageView::parent(NodeId node) const {
  return state(node).parent;
}

std::string_view ImageView::name(NodeId node) const {
  return state(node).home.name(*state(node).record);
}

std::string ImageView::path(NodeId node) const {
  std::vector<std::string_view> names;
  std::size_t size = 0;
  for (; node != k_root_node; node = parent(node)) {
    names.push_back(name(node));
    size += names.back().size() + 1;
  }
  std::string path;
  path.reserve(size);
  for (auto part = names.rbegin(); part != names.rend(); ++part) {
    if (!path.empty()) path += '/';
    path += *part;
  }
  return path;
}

std::string ImageView::path(NodeId directory, std::string_view name) const {
  std::string all = path(directory);
  if (!all.empty()) all += '/';
  return all += name;
}

Result<Fd> ImageView::open_file(NodeId node) const {
  const NodeState& found = state(node);
  if (!S_ISREG(found.record->mode)) return fail(ErrorKind::invalid, "'{}' is no file", printable(path(node)));
  return posix::open_beneath_no_symlinks(m_layers[found.layer].directory, path(node), O_RDONLY | O_NONBLOCK);
}

Result<std::unique_ptr<ImageView>> open_image_view(const std::vector<std::string>& layers,
                                                   const CancelToken* cancel) {
  std::vector<ImageView::Layer> opened;
  for (const std::string& layer : layers) {
    std::shared_ptr<const LayerIndex> index = TRY(obtain_layer_index(layer, cancel));
    opened.push_back({.path = layer, .index = std::move(index)});
  }
  return ImageView::open(std::move(opened));
}

}  // namespace ecrin::fs

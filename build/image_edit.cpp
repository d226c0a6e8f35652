#include "build/image_edit.hpp"

#include <algorithm>
#include <map>

#include "base/compression.hpp"
#include "base/hash.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/layer_hasher.hpp"
#include "build/layer_unpacker.hpp"
#include "fs/layer_merge.hpp"
#include "fs/tree_compare.hpp"

namespace ecrin::build {

namespace {

using Differences = std::map<std::string, const fs::Difference*>;

std::string reason_of(const fs::Difference& difference) {
  switch (difference.kind) {
    case fs::Difference::Kind::added:
      return "added by the new base";
    case fs::Difference::Kind::deleted:
      return "not in the new base";
    case fs::Difference::Kind::modified:
      break;
  }
  std::vector<std::string> names;
  for (const std::string_view name : difference.aspects.names()) names.emplace_back(name);
  return fmt::format("changed ({}) in the new base", join(names, ", "));
}

// A directory of the image's own layers may only lead to a change; then what matters is that it carries the
// metadata that it had in the old base.
bool concerns(const fs::MergedPath& path, const fs::Difference& difference) {
  using Kind = fs::Difference::Kind;
  if (path.kind == fs::MergedPath::Kind::deleted) return difference.kind != Kind::deleted;
  if (!path.is_directory) return true;
  return difference.kind != Kind::added || !difference.is_directory;
}

const fs::Difference* ancestor_that_went(const Differences& differences, const std::string& path) {
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
       slash = path.rfind('/', slash - 1)) {
    const auto found = differences.find(path.substr(0, slash));
    if (found == differences.end()) continue;
    const fs::Difference& difference = *found->second;
    if (difference.kind == fs::Difference::Kind::deleted || difference.aspects.type) return &difference;
  }
  return nullptr;
}

const fs::Difference* first_inside(const Differences& differences, const std::string& path) {
  const auto found = differences.lower_bound(path + "/");
  return found != differences.end() && found->first.starts_with(path + "/") ? found->second : nullptr;
}

std::vector<RebaseOverlap> overlaps(const std::vector<fs::MergedPath>& paths,
                                    const Differences& differences) {
  std::vector<RebaseOverlap> result;
  for (const fs::MergedPath& path : paths) {
    const auto same = differences.find(path.path);
    if (same != differences.end() && concerns(path, *same->second)) {
      result.push_back({path.path, reason_of(*same->second)});
    } else if (path.kind != fs::MergedPath::Kind::written && first_inside(differences, path.path)) {
      const fs::Difference& inside = *first_inside(differences, path.path);
      result.push_back({path.path, fmt::format("'{}' is {}", inside.path, reason_of(inside))});
    } else if (path.kind != fs::MergedPath::Kind::deleted && !path.is_directory) {
      if (const fs::Difference* gone = ancestor_that_went(differences, path.path))
        result.push_back({path.path, fmt::format("'{}' is {}", gone->path, reason_of(*gone))});
    }
  }
  return result;
}

}  // namespace

Result<oci::NewLayer> squash_layers(Workshop& workshop, const oci::Image& image, std::size_t first,
                                    const CancelToken* cancel) {
  const std::vector<std::string> all = layer_paths(workshop, TRY(workshop.unpack(image, cancel)));
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(first);
  fs::LayerDraft draft = TRY(workshop.layers().draft());
  TRY_WHILE(fs::merge_layers({middle, all.end()}, {all.begin(), middle}, draft.diff(), cancel),
            "making one layer of {}", all.size() - first);
  const HashedLayer hashed = TRY(hash_layer(draft.diff(), {}, cancel));
  const fs::Layer layer = TRY(workshop.layers().publish(std::move(draft)));
  TRY(workshop.layers().seal(layer.id, hashed.diff_id, hashed.size));
  const oci::Digest digest = TRY(oci::Digest::parse(hashed.diff_id));
  TRY(workshop.layers().sync());
  const std::string range = first + 1 == all.size() ? fmt::format("layer {}", first + 1)
                                                    : fmt::format("layers {} to {}", first + 1, all.size());
  return oci::NewLayer{
      .blob = {.media_type = std::string(oci::media_type::k_layer), .digest = digest, .size = hashed.size},
      .diff_id = {digest},
      .created_by = "squash " + range};
}

Result<oci::NewLayer> add_layer_file(Workshop& workshop, const std::string& path, const CancelToken* cancel) {
  const auto open_file = [&]() -> Result<std::unique_ptr<Source>> {
    Fd file = TRY(posix::open(path, O_RDONLY | O_NONBLOCK));
    if (!S_ISREG(TRY(posix::stat_fd(file)).st_mode))
      return fail(ErrorKind::invalid, "'{}' is no regular file: a layer is read more than once",
                  printable(path));
    return std::make_unique<FdSource>(std::move(file));
  };
  oci::NewLayer layer;
  HashingSink hash(nullptr);
  TRY(copy_stream(*TRY(open_file()), hash));
  layer.blob.size = hash.count();
  layer.blob.digest = oci::Digest::sha256(hash.finish_hex());
  Compression compression = Compression::none;
  TRY(decompress_any(TRY(open_file()), &compression));
  layer.blob.media_type = std::string(compression == Compression::gzip   ? oci::media_type::k_layer_gzip
                                      : compression == Compression::zstd ? oci::media_type::k_layer_zstd
                                                                         : oci::media_type::k_layer);
  // Unpacked before it is stored: what is no layer leaves nothing behind.
  UnpackedLayer unpacked =
      TRY(unpack_layer(workshop.layers(), TRY(open_file()), layer.blob, std::nullopt, cancel));
  layer.diff_id = unpacked.diff_id;
  TRY(workshop.blobs().put(layer.blob, *TRY(open_file())));
  TRY(std::move(unpacked).publish(workshop.layers()));
  TRY(workshop.layers().sync());
  layer.created_by = "append " + printable(path.substr(path.rfind('/') + 1));
  return layer;
}

Result<std::vector<RebaseOverlap>> find_overlaps(Workshop& workshop, const oci::Image& image,
                                                 const std::vector<std::size_t>& layers,
                                                 const oci::Image& old_base, const oci::Image& new_base,
                                                 const CancelToken* cancel) {
  if (layers.empty()) return std::vector<RebaseOverlap>();
  const std::vector<std::string> all = layer_paths(workshop, TRY(workshop.unpack(image, cancel)));
  const std::vector<std::string> next = layer_paths(workshop, TRY(workshop.unpack(new_base, cancel)));
  const auto own = all.begin() + static_cast<std::ptrdiff_t>(old_base.config.diff_ids.size());
  auto before = TRY(fs::LowerTree::of_layers({all.begin(), own}));
  auto after = TRY(fs::LowerTree::of_layers(next));
  const std::vector<fs::Difference> list = TRY(fs::compare_trees(before, after, cancel));
  Differences differences;
  for (const fs::Difference& difference : list) {
    // The same file with another time is no loss.
    if (difference.aspects != fs::Aspects{.time = true}) differences[difference.path] = &difference;
  }
  std::vector<std::string> paths;
  for (const std::size_t layer : layers) paths.push_back(all[layer]);
  return overlaps(TRY(fs::list_layer_paths(paths, cancel)), differences);
}

}  // namespace ecrin::build

#include "fs/layer_merge.hpp"

#include "fs/layer_roots.hpp"
#include "fs/lower_tree.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {
using Whiteouts = LowerTree::Whiteouts;
}

Result<> merge_layers(const std::vector<std::string>& layers, const std::vector<std::string>& below,
                      const Fd& to, const CancelToken* cancel) {
  const bool is_whole = below.empty();
  LowerTree upper = TRY(LowerTree::of_layers(layers, is_whole ? Whiteouts::applied : Whiteouts::shown));
  bool marks_root = false;
  bool hides_all = false;
  {
    const LayerRoots roots = TRY(open_layer_roots(layers));
    marks_root = roots.has_mark;
    hides_all = roots.hides_below;
  }
  TRY(materialise(upper, to, Hardlinks::keep, cancel));
  TRY(put_root_mark(to, marks_root ? RootMark::present : RootMark::absent));
  if (is_whole) return {};
  if (hides_all) TRY(set_opaque(to, "."));
  LowerTree lower = TRY(LowerTree::of_layers(below));
  TRY(canonicalise(
      to, lower, {.epoch = INT64_MAX, .own_mount_points = {}, .directory_times = DirectoryTimes::as_they_are},
      cancel));
  return {};
}

Result<std::vector<MergedPath>> list_layer_paths(const std::vector<std::string>& layers,
                                                 const CancelToken* cancel) {
  LowerTree tree = TRY(LowerTree::of_layers(layers, Whiteouts::shown));
  std::vector<MergedPath> paths;
  struct Frame {
    Names names;
    std::size_t next = 0;
    std::string name;
  };
  std::vector<Frame> frames;
  std::string prefix = "/";
  frames.push_back({.names = TRY(tree.names()), .name = ""});
  while (!frames.empty()) {
    if (cancel) TRY(cancel->check());
    if (frames.back().next == frames.back().names.size()) {
      const std::size_t length = frames.back().name.size();
      frames.pop_back();
      if (frames.empty()) break;
      prefix.resize(prefix.size() - length - 1);
      TRY(tree.leave());
      continue;
    }
    const std::string name = frames.back().names[frames.back().next++];
    const auto found = TRY(tree.lookup(name));
    if (!found) continue;
    const bool is_directory = S_ISDIR(found->status.st_mode);
    MergedPath path{
        .path = prefix + name,
        .kind = is_whiteout(found->status) ? MergedPath::Kind::deleted : MergedPath::Kind::written,
        .is_directory = is_directory};
    if (!is_directory) {
      paths.push_back(std::move(path));
      continue;
    }
    const bool was_hiding = tree.hides_below();
    TRY(tree.enter(name));
    if (tree.hides_below() && !was_hiding) path.kind = MergedPath::Kind::replaced;
    paths.push_back(std::move(path));
    prefix += name + "/";
    frames.push_back({.names = TRY(tree.names()), .name = name});
  }
  return paths;
}

}  // namespace ecrin::fs

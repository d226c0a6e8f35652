#include "fs/layer_merge.hpp"

#include "fs/lower_tree.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

using Whiteouts = LowerTree::Whiteouts;

Result<Fd> open_layer(const std::string& path) {
  return posix::open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

Result<bool> any_root_mark(const std::vector<std::string>& layers) {
  for (const std::string& layer : layers)
    if (TRY(has_root_mark(TRY(open_layer(layer))))) return true;
  return false;
}

}  // namespace

Result<> merge_layers(const std::vector<std::string>& layers, const std::vector<std::string>& below,
                      const Fd& to, const CancelToken* cancel) {
  const bool is_whole = below.empty();
  LowerTree upper = TRY(LowerTree::of_layers(layers, is_whole ? Whiteouts::applied : Whiteouts::shown));
  const bool marks_root = TRY(any_root_mark(layers));
  const std::vector<std::string> visible = TRY(visible_layers(layers));
  const bool hides_all = !visible.empty() && TRY(is_opaque(TRY(open_layer(visible.front())), "."));
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

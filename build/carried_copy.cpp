#include "build/carried_copy.hpp"

#include <algorithm>
#include <set>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/executor.hpp"
#include "build/traced_step.hpp"
#include "fs/fuse/image_view.hpp"
#include "fs/layer_merge.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {
namespace {

constexpr std::size_t k_shown_doubts = 3;

std::string_view without_slashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

fs::RootMetadata metadata_of(const fs::ImageView& view, fs::NodeId node) {
  const struct stat status = view.attributes(node);
  return {.mode = status.st_mode & 07777,
          .uid = status.st_uid,
          .gid = status.st_gid,
          .xattrs = fs::in_scope(fs::XattrScope::layer, view.xattrs(node))};
}

bool is_symlink(const fs::ImageView& view, const std::optional<fs::NodeId>& node) {
  return node && S_ISLNK(view.attributes(*node).st_mode);
}

class Carrying {
public:
  Carrying(Session& session, const OwnStep& step, const CopyTrees& trees, const CancelToken& stop)
      : m_session(session),
        m_step(step),
        m_trees(trees),
        m_stop(stop),
        m_destination(without_slashes(step.inputs.find("destination").value_or(""))) {}

  Result<CarriedCopy> run(const StepOutcome& made) {
    if (made.layer)
      m_paths = TRY(fs::list_layer_paths({m_session.workshop.layers().path(*made.layer)}, &m_stop));
    TRY(check_owner());
    TRY(check_left_out());
    TRY(check_paths(made));
    const std::vector<fs::Layer> layers = TRY(m_session.directories(m_trees.now, m_stop));
    if (!made.layer) return std::move(m_result);
    if (m_adapted.empty()) {
      m_result.outcome = TRY(apply_layer(m_session, made, layers, m_stop));
    } else {
      m_result.outcome = TRY(adapt(*made.layer, layers));
    }
    return std::move(m_result);
  }

private:
  struct Adapted {
    std::string path;  // of a directory
    fs::RootMetadata metadata;
  };

  void doubt(std::string reason) {
    m_result.is_sure = false;
    if (m_result.doubts.size() < k_shown_doubts) m_result.doubts.push_back(std::move(reason));
  }

  // Names of owners are looked up in the image.
  Result<> check_owner() {
    const std::string owner(m_step.inputs.find("owner").value_or(""));
    if (owner.find_first_not_of("0123456789:") == std::string::npos) return {};
    LowerView before(m_session, m_trees.before, m_stop);
    LowerView now(m_session, m_trees.now, m_stop);
    const auto numbers = TRY(find_owner(owner, before));
    const auto others = find_owner(owner, now);
    if (!others) {
      doubt(others.error().message());
    } else if (*others != numbers) {
      doubt(fmt::format("'{}' is {}:{} in the new base, and was {}:{}", printable(owner), others->first,
                        others->second, numbers.first, numbers.second));
    }
    return {};
  }

  // What was there already as the step would have brought it is not in its layer.
  Result<> check_left_out() {
    std::set<std::string_view> made;
    std::size_t files = 0;
    for (const fs::MergedPath& path : m_paths) {
      made.insert(path.path);
      if (path.kind == fs::MergedPath::Kind::written && !path.is_directory) ++files;
    }
    const bool is_plain_copy = m_step.kind() == "copy" && m_step.inputs.find("from") == "";
    if (is_plain_copy && files >= copied_files()) return {};
    for (const fs::Difference& difference : *TRY(m_trees.differences())) {
      if (difference.is_directory || difference.kind == fs::Difference::Kind::added) continue;
      if (made.contains(difference.path) || !is_in_destination(difference.path)) continue;
      doubt(fmt::format(
          "'{}' is another one in the new base, and the step may have brought that of the old one",
          printable(difference.path)));
      break;
    }
    return {};
  }

  // Of the context: those have inputs of their own.
  std::size_t copied_files() const {
    std::size_t count = 0;
    for (const KeyInput input : m_step.inputs) {
      const bool is_file = input.name.starts_with("file ") && !input.value.starts_with("directory ") &&
                           !input.value.starts_with("link ");
      if (is_file || input.name.starts_with("inline ")) ++count;
    }
    return count;
  }

  bool is_in_destination(std::string_view path) const {
    path = without_slashes(path);
    if (m_destination.empty() || path == m_destination) return true;
    return path.starts_with(m_destination) && path[m_destination.size()] == '/';
  }

  Result<> check_paths(const StepOutcome& made) {
    auto before = TRY(open_view(m_trees.before));
    auto now = TRY(open_view(m_trees.now));
    for (std::size_t end = m_destination.find('/');; end = m_destination.find('/', end + 1)) {
      const std::string_view path = m_destination.substr(0, end);
      const auto old_node = TRY(before->lookup_path(path));
      const auto new_node = TRY(now->lookup_path(path));
      const bool was_link = is_symlink(*before, old_node);
      const bool is_link = is_symlink(*now, new_node);
      if (was_link != is_link || (is_link && before->link_target(*old_node) != now->link_target(*new_node)))
        doubt(fmt::format("'/{}' leads elsewhere in the new base", printable(path)));
      if (end == std::string_view::npos) break;
    }
    for (const fs::MergedPath& path : m_paths) {
      TRY(m_stop.check());
      if (path.kind == fs::MergedPath::Kind::deleted) continue;
      const auto old_node = TRY(before->lookup_path(path.path));
      const auto new_node = TRY(now->lookup_path(path.path));
      if (path.is_directory) {
        TRY(check_directory(path.path, *made.layer, {*before, old_node}, {*now, new_node}));
      } else if (new_node && (now->is_directory(*new_node) || is_symlink(*now, new_node)) &&
                 !(is_symlink(*before, old_node) && is_symlink(*now, new_node))) {
        doubt(fmt::format("'{}' is a {} in the new base", printable(path.path),
                          now->is_directory(*new_node) ? "directory" : "symlink"));
      }
    }
    return {};
  }

  struct Seen {
    fs::ImageView& view;
    std::optional<fs::NodeId> node;
    bool is_directory() const { return node && view.is_directory(*node); }
    fs::RootMetadata metadata() const { return metadata_of(view, *node); }
  };
  // One that only leads to what was copied looks as it does in the tree.
  Result<> check_directory(const std::string& path, const fs::Layer& layer, const Seen& before,
                           const Seen& now) {
    if (now.node && !now.is_directory()) {
      doubt(fmt::format("'{}' is no directory in the new base", printable(path)));
      return {};
    }
    if (!now.node) {
      if (before.node) doubt(fmt::format("'{}' is not in the new base", printable(path)));
      return {};
    }
    if (before.is_directory() && before.metadata() == now.metadata()) return {};
    const Fd root = TRY(m_session.workshop.layers().open_layer(layer));
    const Fd directory = TRY(
        posix::open_beneath_no_symlinks(root, std::string(without_slashes(path)), O_RDONLY | O_DIRECTORY));
    const fs::RootMetadata own = TRY(fs::root_metadata(directory));
    if (own == now.metadata()) return {};
    if (before.is_directory()) {
      if (own != before.metadata()) return {};  // the step gave it these
      m_adapted.push_back({path, now.metadata()});
      m_result.is_sure = false;
    } else {
      doubt(fmt::format("the directory '{}' is in the new base too, with another mode or owner",
                        printable(path)));
    }
    return {};
  }

  Result<StepOutcome> adapt(const fs::Layer& layer, const std::vector<fs::Layer>& layers) {
    fs::LayerDraft draft = TRY(m_session.workshop.layers().draft());
    TRY(fs::copy_tree(TRY(m_session.workshop.layers().open_layer(layer)), draft.diff(), fs::Hardlinks::keep));
    for (const Adapted& adapted : m_adapted) {
      const Fd directory = TRY(posix::open_beneath_no_symlinks(
          draft.diff(), std::string(without_slashes(adapted.path)), O_RDONLY | O_DIRECTORY));
      TRY(fs::set_root_metadata(directory, adapted.metadata));
    }
    auto lower = TRY(fs::LowerTree::of_layers(distinct_layer_paths(m_session.workshop, layers)));
    return publish_changes(m_session, std::move(draft), lower, {}, m_stop);
  }

  Result<std::unique_ptr<fs::ImageView>> open_view(const LayerChain& chain) {
    const std::vector<fs::Layer> layers = TRY(m_session.directories(chain, m_stop));
    return fs::open_image_view(distinct_layer_paths(m_session.workshop, layers), &m_stop);
  }

  Session& m_session;
  const OwnStep& m_step;
  const CopyTrees& m_trees;
  const CancelToken& m_stop;
  std::string_view m_destination;  // without a slash around it
  std::vector<fs::MergedPath> m_paths;
  std::vector<Adapted> m_adapted;
  CarriedCopy m_result;
};

}  // namespace

Result<CarriedCopy> carry_copy(Session& session, const OwnStep& step, const StepOutcome& made,
                               const CopyTrees& trees, const CancelToken& stop) {
  return Carrying(session, step, trees, stop).run(made);
}

}  // namespace ecrin::build

#include "build/unused_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_set>

#include "build/workshop.hpp"
#include "fs/fuse/image_view.hpp"

namespace ecrin::build {
namespace {

using Sum = UnusedFiles::Sum;
using Place = UnusedFiles::Place;

class Search {
public:
  Search(const std::vector<std::string>& layers, fs::ImageView& view, const CancelToken* cancel)
      : m_view(view), m_cancel(cancel) {
    for (std::size_t i = 0; i < layers.size(); ++i) m_positions.emplace(layers[i], i);
  }

  Result<> use(const LayersTrace& used) {
    for (const fs::TracedPath& path : *used.trace) {
      if (!path.is_there || path.path.starts_with('/')) continue;  // those are of what a step mounted
      // A symlink has been read by who came by.
      if (S_ISREG(path.mode) ? path.content.empty() : !S_ISLNK(path.mode)) continue;
      const auto node = TRY(m_view.lookup_path(path.path));
      if (!node || (m_view.attributes(*node).st_mode & S_IFMT) != (path.mode & S_IFMT)) continue;
      if (m_positions.at(m_view.layer_path(*node)) < used.layers) m_used.insert(*node);
    }
    return {};
  }

  Result<UnusedFiles> run() {
    TRY(visit_directory(fs::k_root_node, ""));
    std::ranges::sort(m_found.places, [](const Place& a, const Place& b) {
      return a.sum.bytes != b.sum.bytes ? a.sum.bytes > b.sum.bytes : a.path < b.path;
    });
    return std::move(m_found);
  }

private:
  struct Directory {
    Sum unused;
    bool is_used = false;  // something in it
  };

  // As deep as the tree, which is bounded where layers are unpacked.
  Result<Directory> visit_directory(fs::NodeId directory, const std::string& prefix) {
    if (m_cancel) TRY(m_cancel->check());
    Directory sums;
    const std::size_t first = m_found.places.size();
    const auto names = m_view.list(directory);
    for (const fs::ImageView::ListedName& listed : *names) {
      const auto node = TRY(m_view.lookup(directory, listed.name));
      if (!node) continue;
      std::string path = prefix + std::string(listed.name);
      if (m_view.is_directory(*node)) {
        const Directory inner = TRY(visit_directory(*node, path + "/"));
        add(sums.unused, inner.unused);
        sums.is_used = sums.is_used || inner.is_used;
      } else if (m_used.contains(*node)) {
        sums.is_used = true;
        count(*node);
      } else if (const Sum file = count(*node); file.files > 0) {
        add(sums.unused, file);
        add(m_found.unused, file);
        if (file.bytes > 0) m_found.places.push_back({.path = std::move(path), .sum = file});
      }
    }
    if (!sums.is_used && sums.unused.bytes > 0) {
      m_found.places.resize(first);
      m_found.places.push_back({.path = prefix, .sum = sums.unused});
    }
    return sums;
  }

  // Nothing for what has no bytes of its own, or was counted by another name.
  Sum count(fs::NodeId node) {
    const struct stat status = m_view.attributes(node);
    if (!S_ISREG(status.st_mode) || !m_counted.insert(node).second) return {};
    const Sum file{.bytes = static_cast<std::uint64_t>(status.st_size), .files = 1};
    add(m_found.all, file);
    return file;
  }

  static void add(Sum& sum, const Sum& more) {
    sum.bytes += more.bytes;
    sum.files += more.files;
  }

  fs::ImageView& m_view;
  const CancelToken* m_cancel;
  std::map<std::string, std::size_t> m_positions;  // of a layer that is there twice, the lower one
  std::unordered_set<fs::NodeId> m_used;
  std::unordered_set<fs::NodeId> m_counted;
  UnusedFiles m_found;
};

}  // namespace

Result<UnusedFiles> find_unused_files(const std::vector<std::string>& layers,
                                      const std::vector<LayersTrace>& traces, const CancelToken* cancel) {
  if (layers.empty()) return UnusedFiles{};
  const auto view = TRY(fs::open_image_view(distinct_paths(layers), cancel));
  Search search(layers, *view, cancel);
  for (const LayersTrace& trace : traces) TRY(search.use(trace));
  return search.run();
}

}  // namespace ecrin::build

#include "build/source_tree.hpp"

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/root_path.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_entry_limit = 10'000'000;

class Walker {
public:
  Walker(const SourceTree& tree, const IgnoreRules& exclude, const CancelToken* cancel, Selection& selection)
      : m_tree(tree), m_exclude(exclude), m_cancel(cancel), m_selection(selection) {}

  /// Adds what is below `path` (real) to `item`.
  Result<> add_contents(SourceItem& item, const std::string& path);
  /// All paths below the real directory `path` that match; `logical` is its path as the pattern says it.
  Result<> find_matches(const Pattern& pattern, const std::string& path, const std::string& logical,
                        std::size_t depth, std::vector<std::string>& matches);

private:
  struct Child {
    std::string name;
    struct stat status;
  };
  Result<std::vector<Child>> children(const std::string& path);
  Result<> add_below(SourceItem& item, const std::string& path, const std::string& relative,
                     const IgnoreRules::State* ignore, const IgnoreRules::State* exclude);
  bool is_skipped(const struct stat& status) const {
    // A context is a stranger's directory: nothing waits for a FIFO, and device nodes cannot be made in an
    // image.
    return S_ISSOCK(status.st_mode) || (m_tree.ignore && !S_ISREG(status.st_mode) &&
                                        !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode));
  }

  const SourceTree& m_tree;
  const IgnoreRules& m_exclude;
  const CancelToken* m_cancel;
  Selection& m_selection;
  std::vector<SourceEntry> m_pending;  // ignored directories that are needed if something below is taken back
  std::size_t m_count = 0;
};

Result<std::vector<Walker::Child>> Walker::children(const std::string& path) {
  if (m_cancel) TRY(m_cancel->check());
  const Fd directory = TRY(open_real_directory(*m_tree.root, path));
  std::vector<Child> children;
  for (posix::DirectoryEntry& entry : TRY(posix::list_directory(directory))) {
    auto status = posix::lstat_at(directory, entry.name);
    if (!status) {
      // Somebody removed it since the listing: as if it had never been.
      if (status.error().code() == ENOENT) continue;
      return std::unexpected(std::move(status).error());
    }
    children.push_back({std::move(entry.name), *status});
  }
  return children;
}

Result<> Walker::add_below(SourceItem& item, const std::string& path, const std::string& relative,
                           const IgnoreRules::State* ignore, const IgnoreRules::State* exclude) {
  for (Child& child : TRY_WHILE(children(path), "reading {}", m_tree.name)) {
    const std::string child_path = join_path(path, child.name);
    const std::string child_relative = join_path(relative, child.name);
    IgnoreRules::State ignore_state, exclude_state;
    if (m_tree.ignore) ignore_state = m_tree.ignore->state(ignore, child_path);
    if (!m_exclude.empty()) exclude_state = m_exclude.state(exclude, child_relative);
    const bool out = ignore_state.ignored || exclude_state.ignored;
    const bool is_directory = S_ISDIR(child.status.st_mode);
    if (out) {
      const bool may_come_back = (!ignore_state.ignored || m_tree.ignore->takes_back()) &&
                                 (!exclude_state.ignored || m_exclude.takes_back());
      if (!is_directory || !may_come_back) continue;
    }
    if (is_skipped(child.status)) {
      m_selection.skipped.push_back(child_path);
      continue;
    }
    if (++m_count > k_entry_limit) {
      return fail(ErrorKind::limit, "{} has more than {} files", m_tree.name, k_entry_limit);
    }
    const std::size_t pending = m_pending.size();
    if (out) {
      m_pending.push_back({child_path, child_relative, child.status});
    } else {
      for (SourceEntry& directory : m_pending) item.entries.push_back(std::move(directory));
      m_pending.clear();
      item.entries.push_back({child_path, child_relative, child.status});
    }
    if (is_directory) {
      TRY(add_below(item, child_path, child_relative, m_tree.ignore ? &ignore_state : nullptr,
                    m_exclude.empty() ? nullptr : &exclude_state));
    }
    if (out && m_pending.size() > pending) m_pending.resize(pending);
  }
  return {};
}

Result<> Walker::add_contents(SourceItem& item, const std::string& path) {
  IgnoreRules::State ignore;
  const bool inside = m_tree.ignore && !path.empty();
  if (inside) {
    // The rules that matched a directory on the way down count for what is below.
    std::string prefix;
    bool first = true;
    for (const std::string& name : split(path, '/')) {
      prefix = join_path(prefix, name);
      ignore = m_tree.ignore->state(first ? nullptr : &ignore, prefix);
      first = false;
    }
  }
  return add_below(item, path, "", inside ? &ignore : nullptr, nullptr);
}

Result<> Walker::find_matches(const Pattern& pattern, const std::string& path, const std::string& logical,
                              std::size_t depth, std::vector<std::string>& matches) {
  for (const Child& child : TRY_WHILE(children(path), "reading {}", m_tree.name)) {
    const std::string child_path = join_path(path, child.name);
    const std::string child_logical = join_path(logical, child.name);
    if (++m_count > k_entry_limit) {
      return fail(ErrorKind::limit, "{} has more than {} files", m_tree.name, k_entry_limit);
    }
    if (pattern.matches(child_logical)) matches.push_back(child_logical);
    const bool enter = S_ISDIR(child.status.st_mode) && depth + 1 < pattern.depth() &&
                       !(m_tree.ignore && !m_tree.ignore->takes_back() && m_tree.ignore->ignores(child_path));
    if (enter) TRY(find_matches(pattern, child_path, child_logical, depth + 1, matches));
  }
  return {};
}

std::unexpected<Error> no_match(const SourceTree& tree, const std::string& source, bool ignored) {
  Error error(ErrorKind::not_found, fmt::format("there is no '{}' in {}", printable(source), tree.name));
  if (ignored) return std::unexpected(std::move(error).hint("'" + tree.ignore_file + "' leaves it out"));
  return std::unexpected(std::move(error));
}

}  // namespace

Result<Selection> select_sources(const SourceTree& tree, const std::vector<std::string>& sources,
                                 const IgnoreRules& exclude, const CancelToken* cancel) {
  Selection selection;
  Walker walker(tree, exclude, cancel, selection);
  for (const std::string& source : sources) {
    const std::string cleaned = relative_to_root(source);
    const Pattern pattern = TRY(Pattern::compile(cleaned));
    std::vector<std::string> names;
    if (pattern.is_literal()) {
      names.push_back(pattern.literal());
    } else {
      const RootPath start = TRY(resolve_in_root(*tree.root, pattern.literal_directory()));
      if (start.status && S_ISDIR(start.status->st_mode)) {
        const std::string& logical = pattern.literal_directory();
        const auto depth =
            logical.empty() ? 0
                            : static_cast<std::size_t>(std::count(logical.begin(), logical.end(), '/')) + 1;
        TRY(walker.find_matches(pattern, start.path, logical, depth, names));
      }
      std::sort(names.begin(), names.end());
    }
    bool any = false;
    bool ignored = false;
    for (std::string& name : names) {
      const RootPath found = TRY_WHILE(resolve_in_root(*tree.root, name), "looking for '{}' in {}",
                                       printable(source), tree.name);
      if (!found.status) {
        if (pattern.is_literal()) break;
        continue;  // a dangling symlink that a glob happened to match
      }
      const bool is_directory = S_ISDIR(found.status->st_mode);
      const bool out = tree.ignore && tree.ignore->ignores(found.path);
      if (out && !(is_directory && tree.ignore->takes_back())) {
        ignored = true;
        continue;
      }
      SourceItem item{.named = std::move(name), .entries = {{found.path, "", *found.status}}};
      if (is_directory) {
        TRY(walker.add_contents(item, found.path));
        if (out && item.entries.size() == 1) {
          ignored = true;
          continue;
        }
      } else if (!S_ISREG(found.status->st_mode)) {
        return fail(ErrorKind::invalid, "'{}' in {} is neither a file nor a directory", printable(item.named),
                    tree.name);
      } else if (exclude.ignores(base_name(item.named))) {
        any = true;  // it was there; what the recipe excludes is no error
        continue;
      }
      any = true;
      selection.items.push_back(std::move(item));
    }
    if (!any) return no_match(tree, source, ignored);
  }
  return selection;
}

}  // namespace ecrin::build

#include "build/source_tree.hpp"

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/directories_ahead.hpp"
#include "build/root_path.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_entry_limit = 10'000'000;

class Walker {
public:
  Walker(const SourceTree& tree, const IgnoreRules& exclude, const CancelToken* cancel, Selection& selection)
      : m_tree(tree),
        m_ignore(tree.ignore && !tree.ignore->empty() ? tree.ignore : nullptr),
        m_exclude(exclude),
        m_selection(selection),
        m_directories(tree, cancel) {}

  /// Adds what is below `path` (real) to `item`: all, or what matches `include` with the directories that
  /// lead there.
  Result<> add_contents(SourceItem& item, const std::string& path, const Pattern* include = nullptr);
  /// All paths below the real directory `path` that match; `logical` is its path as the pattern says it.
  Result<> find_matches(const Pattern& pattern, const std::string& path, const std::string& logical,
                        std::size_t depth, std::vector<std::string>& matches);

private:
  struct Above;
  struct Verdict;
  Verdict judge(const SourceItem& item, const SourceEntry& entry, const Above& above) const;
  Result<> add_below(SourceItem& item, const std::string& path, const Above& above);
  bool is_skipped(const SourceStatus& status) const {
    // Device nodes are the host's own, and an ordinary user cannot make them.
    const bool device = S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode);
    return S_ISSOCK(status.st_mode) || (m_tree.ignore && device);
  }

  const SourceTree& m_tree;
  const IgnoreRules* m_ignore;  // nullptr: there are none
  const IgnoreRules& m_exclude;
  Selection& m_selection;
  DirectoriesAhead m_directories;
  std::vector<SourceEntry> m_pending;  // ignored directories that are needed if something below is taken back
  std::size_t m_count = 0;
};

// What the directory above says about a path.
struct Walker::Above {
  const IgnoreRules::State* ignore = nullptr;
  const IgnoreRules::State* exclude = nullptr;
  const Pattern* include = nullptr;  // nullptr: everything is wanted
};

// What is to be done with one path.
struct Walker::Verdict {
  IgnoreRules::State ignore, exclude;
  bool wanted = true;  // by the pattern
  bool out = false;
  bool is_entered = false;  // of a directory: there may be something below
};

// Can there be a match below the directory `path`?
bool may_match_below(const Pattern& pattern, std::string_view path) {
  const std::string& start = pattern.literal_directory();
  const std::size_t size = std::min(start.size(), path.size());
  if (start.compare(0, size, path, 0, size) != 0) return false;
  if (start.size() > size && start[size] != '/') return false;
  if (path.size() > size && size > 0 && path[size] != '/') return false;
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')) + 1 < pattern.depth();
}

Walker::Verdict Walker::judge(const SourceItem& item, const SourceEntry& entry, const Above& above) const {
  Verdict verdict{.is_entered = S_ISDIR(entry.status.st_mode)};
  if (!m_ignore && m_exclude.empty() && !above.include) return verdict;
  const std::string_view relative = item.relative(entry);
  if (m_ignore) verdict.ignore = m_ignore->state(above.ignore, entry.path);
  if (!m_exclude.empty()) verdict.exclude = m_exclude.state(above.exclude, relative);
  verdict.wanted = !above.include || above.include->matches(relative);
  verdict.out = verdict.ignore.ignored || verdict.exclude.ignored || !verdict.wanted;
  const bool may_come_back = (!verdict.ignore.ignored || m_ignore->takes_back()) &&
                             (!verdict.exclude.ignored || m_exclude.takes_back()) &&
                             (verdict.wanted || may_match_below(*above.include, relative));
  verdict.is_entered = verdict.is_entered && (!verdict.out || may_come_back);
  return verdict;
}

Result<> Walker::add_below(SourceItem& item, const std::string& path, const Above& above) {
  DirectoryChildren children = TRY_WHILE(m_directories.children(path), "reading {}", m_tree.name);
  std::vector<std::string> directories;
  for (const DirectoryChild& child : children) {
    if (!S_ISDIR(child.status.st_mode)) continue;
    SourceEntry entry{join_path(path, child.name), child.status};
    if (judge(item, entry, above).is_entered) directories.push_back(std::move(entry.path));
  }
  using Below = DirectoriesAhead::Below;
  m_directories.expect(std::move(directories),
                       m_exclude.empty() && !above.include ? Below::not_ignored : Below::unknown);
  for (DirectoryChild& child : children) {
    SourceEntry entry{join_path(path, child.name), child.status};
    const Verdict verdict = judge(item, entry, above);
    if (verdict.out && !verdict.is_entered) continue;
    if (is_skipped(child.status)) {
      m_selection.skipped.push_back(std::move(entry.path));
      continue;
    }
    if (++m_count > k_entry_limit) {
      return fail(ErrorKind::limit, "{} has more than {} files", m_tree.name, k_entry_limit);
    }
    const std::string below = verdict.is_entered ? entry.path : std::string();
    const std::size_t pending = m_pending.size();
    if (verdict.out) {
      m_pending.push_back(std::move(entry));
    } else {
      for (SourceEntry& directory : m_pending) item.entries.push_back(std::move(directory));
      m_pending.clear();
      item.entries.push_back(std::move(entry));
    }
    if (verdict.is_entered) {
      TRY(add_below(item, below,
                    {.ignore = m_ignore ? &verdict.ignore : nullptr,
                     .exclude = m_exclude.empty() ? nullptr : &verdict.exclude,
                     .include = verdict.wanted ? nullptr : above.include}));
    }
    if (verdict.out && m_pending.size() > pending)
      m_pending.erase(m_pending.begin() + static_cast<std::ptrdiff_t>(pending), m_pending.end());
  }
  return {};
}

Result<> Walker::add_contents(SourceItem& item, const std::string& path, const Pattern* include) {
  IgnoreRules::State ignore;
  const bool inside = m_ignore && !path.empty();
  if (inside) {
    // The rules that matched a directory on the way down count for what is below.
    std::string prefix;
    bool first = true;
    for (const std::string& name : split(path, '/')) {
      prefix = join_path(prefix, name);
      ignore = m_ignore->state(first ? nullptr : &ignore, prefix);
      first = false;
    }
  }
  return add_below(item, path,
                   {.ignore = inside ? &ignore : nullptr, .exclude = nullptr, .include = include});
}

Result<> Walker::find_matches(const Pattern& pattern, const std::string& path, const std::string& logical,
                              std::size_t depth, std::vector<std::string>& matches) {
  const DirectoryChildren children = TRY_WHILE(m_directories.children(path), "reading {}", m_tree.name);
  for (const DirectoryChild& child : children) {
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

// The paths that a source stands for, as it says them.
Result<std::vector<std::string>> names_of(const SourceTree& tree, Walker& walker, const Pattern& pattern) {
  if (pattern.is_literal()) return std::vector<std::string>{pattern.literal()};
  std::vector<std::string> names;
  const RootPath start = TRY(resolve_in_root(*tree.root, pattern.literal_directory()));
  if (start.status && S_ISDIR(start.status->st_mode)) {
    const std::string& logical = pattern.literal_directory();
    const auto depth =
        logical.empty() ? 0 : static_cast<std::size_t>(std::count(logical.begin(), logical.end(), '/')) + 1;
    TRY(walker.find_matches(pattern, start.path, logical, depth, names));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string_view SourceItem::relative(const SourceEntry& entry) const {
  const std::string& own = entries.front().path;
  std::string_view path = entry.path;
  path.remove_prefix(std::min(path.size(), own.empty() ? 0 : own.size() + 1));
  return path;
}

Result<Selection> select_sources(const SourceTree& tree, const std::vector<std::string>& sources,
                                 const IgnoreRules& exclude, const CancelToken* cancel) {
  Selection selection;
  Walker walker(tree, exclude, cancel, selection);
  for (std::size_t number = 0; number < sources.size(); ++number) {
    const std::string& source = sources[number];
    const Pattern pattern = TRY(Pattern::compile(relative_to_root(source), Pattern::Stars::in_a_name));
    bool any = false;
    bool ignored = false;
    for (std::string& name : TRY(names_of(tree, walker, pattern))) {
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
      SourceItem item{.named = std::move(name), .source = number, .entries = {{found.path, *found.status}}};
      if (is_directory) {
        TRY(walker.add_contents(item, found.path));
        if (out && item.entries.size() == 1) {
          ignored = true;
          continue;
        }
      } else if (!S_ISREG(found.status->st_mode) && !S_ISFIFO(found.status->st_mode)) {
        return fail(ErrorKind::invalid, "'{}' in {} is neither a file nor a directory", printable(item.named),
                    tree.name);
      } else if (exclude.ignores(base_name(item.named))) {
        any = true;  // it was there; what the recipe excludes is no error
        continue;
      }
      any = true;
      selection.items.push_back(std::move(item));
    }
    if (any) continue;
    if (pattern.is_literal()) return no_match(tree, source, ignored);
    selection.unmatched.push_back(source);
  }
  return selection;
}

Result<Selection> select_with_parents(const SourceTree& tree, const std::vector<std::string>& sources,
                                      const IgnoreRules& exclude, const CancelToken* cancel) {
  Selection selection;
  Walker walker(tree, exclude, cancel, selection);
  for (const std::string& source : sources) {
    const std::size_t pivot = source.find("/./");
    const bool has_pivot = pivot != std::string::npos;
    const Pattern start = TRY(Pattern::compile(relative_to_root(has_pivot ? source.substr(0, pivot) : "")));
    const std::string rest = relative_to_root(has_pivot ? source.substr(pivot + 3) : source);
    const Pattern wanted = TRY(Pattern::compile(rest));
    bool any = false;
    for (std::string& name : TRY(names_of(tree, walker, start))) {
      const RootPath found = TRY_WHILE(resolve_in_root(*tree.root, name), "looking for '{}' in {}",
                                       printable(source), tree.name);
      if (!found.status || !S_ISDIR(found.status->st_mode)) continue;
      SourceItem item{.named = std::move(name), .entries = {{found.path, *found.status}}};
      TRY(walker.add_contents(item, found.path, rest.empty() ? nullptr : &wanted));
      any = any || rest.empty() || item.entries.size() > 1;
      selection.items.push_back(std::move(item));
    }
    if (any) continue;
    if (start.is_literal() && wanted.is_literal()) {
      const std::string whole = join_path(start.literal(), wanted.literal());
      const bool ignored = tree.ignore && tree.ignore->ignores(whole);
      if (ignored || !TRY(resolve_in_root(*tree.root, whole)).status) return no_match(tree, source, ignored);
      continue;  // it was there; what the recipe excludes is no error
    }
    selection.unmatched.push_back(source);
  }
  return selection;
}

Result<Fd> open_unchanged(const SourceTree& tree, const SourceEntry& entry) {
  Fd file = TRY_WHILE(posix::open_beneath_no_symlinks(*tree.root, entry.path, O_RDONLY | O_NONBLOCK),
                      "opening '{}' in {}", printable(entry.path), tree.name);
  TRY(check_unchanged(tree, entry, file));
  return file;
}

Result<> check_unchanged(const SourceTree& tree, const SourceEntry& entry, const Fd& file) {
  const struct stat now = TRY(posix::stat_fd(file));
  const SourceStatus& then = entry.status;
  const bool same = S_ISREG(now.st_mode) && now.st_ino == then.st_ino && now.st_size == then.st_size &&
                    now.st_mtim.tv_sec == then.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == then.st_mtim.tv_nsec &&
                    now.st_ctim.tv_sec == then.st_ctim.tv_sec && now.st_ctim.tv_nsec == then.st_ctim.tv_nsec;
  if (same) return {};
  return fail(ErrorKind::conflict, "'{}' in {} changed during the build", printable(entry.path), tree.name);
}

}  // namespace ecrin::build

#include "fs/fuse/image_trace.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "base/stream.hpp"

namespace ecrin::fs {
namespace {

// Raised whenever the meaning of a trace changes, and with it the media type of traces in shared caches
// (build/shared_rows.hpp).
constexpr std::uint64_t k_version = 1;
constexpr std::size_t k_digest_size = 16;
// Paths share their beginnings, so that few bytes could make a lot of them.
constexpr std::size_t k_longest_path = 4096;
constexpr std::size_t k_all_paths = 256u << 20;
constexpr std::uint64_t k_most_paths = 2'000'000;

int hex_value(char digit) {
  return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

std::string shortened(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < k_digest_size; ++i)
    bytes += static_cast<char>(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
  return bytes;
}

std::string digest_of(std::string_view bytes) {
  return shortened(sha256_hex(bytes));
}

std::string digest_of_xattrs(const std::vector<posix::Xattr>& xattrs) {
  if (xattrs.empty()) return "";
  Encoder encoder;
  for (const posix::Xattr& xattr : xattrs) encoder.put(xattr.name).put(xattr.value);
  return digest_of(encoder.bytes());
}

std::string digest_of_names(const ImageView::Listing& listing) {
  Encoder encoder;
  for (const ImageView::ListedName& name : listing)
    encoder.put(name.name).put(std::uint64_t{name.mode & S_IFMT});
  return digest_of(encoder.bytes());
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// Real paths, no symlink in them followed. Remembers directories: those that follow share them.
class Finder {
public:
  explicit Finder(ImageView& view) : m_view(view) {}

  Result<std::optional<NodeId>> find(std::string_view path) {
    if (path.empty()) return k_root_node;
    const std::optional<NodeId> directory = TRY(find_directory(parent_of(path)));
    if (!directory) return std::nullopt;
    return m_view.lookup(*directory, name_of(path));
  }

  // Of this path, the next in order: the first one that was the same file.
  std::string link_of(const std::string& path, std::optional<NodeId> node) {
    if (!node || m_view.is_directory(*node) || m_view.attributes(*node).st_nlink < 2) return "";
    const auto [first, is_new] = m_links.emplace(*node, path);
    return is_new ? "" : first->second;
  }

private:
  Result<std::optional<NodeId>> find_directory(std::string_view path) {
    if (path.empty()) return k_root_node;
    if (const auto known = m_directories.find(path); known != m_directories.end()) return known->second;
    std::optional<NodeId> node = TRY(find(path));
    if (node && !m_view.is_directory(*node)) node.reset();
    m_directories.emplace(path, node);
    return node;
  }

  ImageView& m_view;
  std::map<std::string, std::optional<NodeId>, std::less<>> m_directories;
  std::unordered_map<NodeId, std::string> m_links;
};

// What of a path is told beside its status.
struct Wanted {
  bool content = false;
  bool names = false;
  bool time = false;
};

Result<TracedPath> state_of(ImageView& view, std::string path, std::optional<NodeId> node, Wanted wanted,
                            const ContentDigest& digest) {
  TracedPath state{.path = std::move(path)};
  if (!node) return state;
  const struct stat status = view.attributes(*node);
  const bool is_directory = S_ISDIR(status.st_mode);
  state.is_there = true;
  state.mode = status.st_mode;
  state.uid = status.st_uid;
  state.gid = status.st_gid;
  state.device = status.st_rdev;
  if (!is_directory) state.links = static_cast<std::uint32_t>(status.st_nlink);
  if (S_ISREG(status.st_mode)) state.size = static_cast<std::uint64_t>(status.st_size);
  state.has_time = is_directory && wanted.time;
  if (!is_directory || wanted.time) {
    state.seconds = status.st_mtim.tv_sec;
    state.nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
  }
  if (S_ISLNK(status.st_mode)) state.target = digest_of(view.link_target(*node));
  if (view.has_xattrs()) state.xattrs = digest_of_xattrs(view.xattrs(*node));
  if (wanted.content && S_ISREG(status.st_mode)) state.content = TRY(digest(view, *node));
  if (wanted.names && is_directory) state.names = digest_of_names(*view.list(*node));
  return state;
}

// In the order in which people want to hear of them.
std::string_view first_difference(const TracedPath& before, const TracedPath& now) {
  if (before.is_there != now.is_there) return before.is_there ? "it is gone" : "it was not there";
  if ((before.mode & S_IFMT) != (now.mode & S_IFMT)) return "its type";
  if (before.content != now.content || before.size != now.size) return "its content";
  if (before.names != now.names) return "the names in it";
  if (before.target != now.target) return "its target";
  if (before.mode != now.mode) return "its mode";
  if (before.uid != now.uid || before.gid != now.gid) return "its owner";
  if (before.xattrs != now.xattrs) return "its attributes";
  if (before.device != now.device) return "its device";
  if (before.links != now.links) return "its number of links";
  if (before.link_of != now.link_of) return "its hard links";
  return "its time";
}

// A path's common beginning with the one before it is left out.
std::size_t common_prefix(std::string_view first, std::string_view second) {
  return static_cast<std::size_t>(std::ranges::mismatch(first, second).in1 - first.begin());
}

// As trace_usage() makes them: "" or names with single slashes between them. Nobody looks for those of other
// trees in a view.
bool is_real_path(std::string_view path) {
  if (path.size() > k_longest_path || path.find('\0') != std::string_view::npos) return false;
  if (path.starts_with(k_other_tree)) return true;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const std::string_view name = path.substr(0, end);
    if (name.empty() || name == "." || name == "..") return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
    if (path.empty()) return false;
  }
  return true;
}

}  // namespace

Result<std::string> content_digest(const ImageView& view, NodeId file) {
  FdSource source(TRY(view.open_file(file)));
  HashingSink sink(nullptr);
  TRY(copy_stream(source, sink));
  return shortened(sink.finish_hex());
}

Result<ImageTrace> trace_usage(const ImageUsage& usage, ImageView& view, const ContentDigest& digest,
                               const UpperType& upper, const CancelToken* cancel) {
  std::map<std::string, Wanted> used;
  used[""];  // every path begins there
  for (const std::string& path : usage.found) used[path].content = S_ISREG(upper(path));
  for (const std::string& path : usage.absent) used[path];
  for (const std::string& path : usage.listed) used[path].names = true;
  for (const std::string& path : usage.read) used[path].content = true;
  for (const auto& [path, asked] : usage.asked) {
    const bool by_program =
        asked.plain > 0 || asked.before_xattrs > 1 || (asked.before_xattrs == 1 && !S_ISDIR(upper(path)));
    if (by_program) used[path].time = true;
  }
  Finder finder(view);
  ImageTrace trace;
  trace.reserve(used.size());
  for (const auto& [path, wanted] : used) {
    if (cancel) TRY(cancel->check());
    const auto node = TRY(finder.find(path));
    trace.push_back(TRY(state_of(view, path, node, wanted, digest)));
    trace.back().link_of = finder.link_of(path, node);
  }
  return trace;
}

Result<std::vector<std::string>> trace_differences(const ImageTrace& trace, ImageView& view,
                                                   const ContentDigest& digest, std::size_t limit,
                                                   const CancelToken* cancel) {
  Finder finder(view);
  struct Found {
    std::optional<NodeId> node;
    std::string link_of;
  };
  std::vector<Found> found;
  found.reserve(trace.size());
  for (const TracedPath& before : trace) {
    if (cancel) TRY(cancel->check());
    if (before.path.starts_with(k_other_tree)) {
      found.emplace_back();
      continue;
    }
    const auto node = TRY(finder.find(before.path));
    found.push_back({node, finder.link_of(before.path, node)});
  }
  std::vector<std::string> differences;
  // Contents last: only they have to be read.
  for (const bool with_contents : {false, true}) {
    for (std::size_t i = 0; i < trace.size(); ++i) {
      const TracedPath& before = trace[i];
      if (with_contents == before.content.empty() || before.path.starts_with(k_other_tree)) continue;
      if (cancel) TRY(cancel->check());
      const Wanted wanted{
          .content = !before.content.empty(), .names = !before.names.empty(), .time = before.has_time};
      TracedPath now = TRY(state_of(view, before.path, found[i].node, wanted, digest));
      now.link_of = std::move(found[i].link_of);
      if (now == before) continue;
      differences.push_back(fmt::format("/{}: {}", before.path, first_difference(before, now)));
      if (differences.size() == limit) return differences;
    }
  }
  return differences;
}

std::string encode_trace(const ImageTrace& trace) {
  Encoder encoder;
  encoder.put(k_version).put(std::uint64_t{trace.size()});
  std::string_view before;
  for (const TracedPath& path : trace) {
    const std::size_t shared = common_prefix(before, path.path);
    encoder.put(std::uint64_t{shared})
        .put(std::string_view(path.path).substr(shared))
        .put_flag(path.is_there);
    before = path.path;
    if (!path.is_there) continue;
    for (const std::uint64_t number :
         {std::uint64_t{path.mode}, std::uint64_t{path.uid}, std::uint64_t{path.gid},
          std::uint64_t{path.links}, path.device, path.size, static_cast<std::uint64_t>(path.seconds),
          std::uint64_t{path.nanoseconds}})
      encoder.put(number);
    encoder.put_flag(path.has_time);
    encoder.put(path.target).put(path.xattrs).put(path.content).put(path.names).put(path.link_of);
  }
  return encoder.bytes();
}

std::optional<ImageTrace> decode_trace(std::string_view bytes) {
  Decoder decoder(bytes);
  if (decoder.get_unsigned() != k_version) return std::nullopt;
  const std::uint64_t count = decoder.get_count(24);
  if (count > k_most_paths) return std::nullopt;
  ImageTrace trace;
  std::string before;
  std::size_t all_paths = 0;
  for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) {
    TracedPath path;
    const std::uint64_t shared = decoder.get_unsigned();
    if (shared > before.size()) return std::nullopt;
    path.path = before.substr(0, shared) + decoder.get_string();
    all_paths += path.path.size();
    if (!is_real_path(path.path) || all_paths > k_all_paths) return std::nullopt;
    if (path.path < before) return std::nullopt;
    before = path.path;
    path.is_there = decoder.get_flag();
    if (path.is_there) {
      path.mode = static_cast<std::uint32_t>(decoder.get_unsigned());
      path.uid = static_cast<std::uint32_t>(decoder.get_unsigned());
      path.gid = static_cast<std::uint32_t>(decoder.get_unsigned());
      path.links = static_cast<std::uint32_t>(decoder.get_unsigned());
      path.device = decoder.get_unsigned();
      path.size = decoder.get_unsigned();
      path.seconds = static_cast<std::int64_t>(decoder.get_unsigned());
      path.nanoseconds = static_cast<std::uint32_t>(decoder.get_unsigned());
      path.has_time = decoder.get_flag();
      path.target = decoder.get_string();
      path.xattrs = decoder.get_string();
      path.content = decoder.get_string();
      path.names = decoder.get_string();
      path.link_of = decoder.get_string();
    }
    trace.push_back(std::move(path));
  }
  if (!decoder.ok() || !decoder.at_end()) return std::nullopt;
  return trace;
}

}  // namespace ecrin::fs

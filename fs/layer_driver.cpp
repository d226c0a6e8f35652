#include "fs/layer_driver.hpp"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/atomic_file.hpp"
#include "base/child.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/driver_parts.hpp"
#include "fs/file_owners.hpp"
#include "fs/store_needs.hpp"
#include "fs/tree.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

constexpr std::array k_kinds = {DriverKind::overlay, DriverKind::fuse_overlayfs, DriverKind::copy};

std::unique_ptr<LayerDriver> new_driver(DriverKind kind) {
  switch (kind) {
    case DriverKind::overlay:
      return make_overlay_driver();
    case DriverKind::fuse_overlayfs:
      return make_fuse_overlayfs_driver();
    case DriverKind::copy:
      break;
  }
  return make_copy_driver();
}

Result<> write_text(const Fd& directory, const std::string& name) {
  const Fd file = TRY(posix::open_at(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  return posix::write_full(file, std::string_view("probe\n"));
}

// Two layers, one change of each kind; then the upper directory must hold what it should.
Result<> try_driver(DriverKind kind, const std::string& scratch, const Fd& directory) {
  for (const char* name : {"bottom", "top", "upper", "scratch"}) TRY(posix::mkdir_at(directory, name, 0755));
  const Fd bottom = TRY(posix::open_at(directory, "bottom", O_PATH | O_DIRECTORY));
  const Fd top = TRY(posix::open_at(directory, "top", O_PATH | O_DIRECTORY));
  const Fd upper = TRY(posix::open_at(directory, "upper", O_PATH | O_DIRECTORY));
  for (const char* name : {"hidden", "removed"}) TRY(write_text(bottom, name));
  TRY(make_whiteout(top, "hidden"));
  auto tree = TRY(new_driver(kind)->mount({.lowers = {scratch + "/bottom", scratch + "/top"},
                                           .upper = scratch + "/upper",
                                           .scratch = scratch + "/scratch"}));
  {
    const Fd merged = TRY(posix::open(tree->path(), O_PATH | O_DIRECTORY));
    if (TRY(posix::exists_at(merged, "hidden")) == posix::Exists::yes) {
      return fail(ErrorKind::unsupported, "a whiteout in a layer hides nothing");
    }
    TRY(write_text(merged, "added"));
    TRY(posix::unlink_at(merged, "removed"));
  }
  TRY(tree->finish());
  const bool removed = is_whiteout(TRY(status_at(upper, "removed"))) ||
                       TRY(posix::exists_at(upper, ".wh.removed")) == posix::Exists::yes;
  if (!removed || TRY(posix::exists_at(upper, "added")) == posix::Exists::no) {
    return fail(ErrorKind::unsupported, "changes do not reach the upper directory");
  }
  return {};
}

Result<> check_needs(DriverKind kind, const Fd& scratch) {
  if (kind == DriverKind::copy) return check_executable(scratch);
  if (kind != DriverKind::fuse_overlayfs) return {};
  if (find_program("fuse-overlayfs").empty()) {
    return std::unexpected(Error(ErrorKind::not_found, "the program fuse-overlayfs is not on PATH")
                               .hint("install the package fuse-overlayfs"));
  }
  if (auto device = posix::open("/dev/fuse", O_RDWR); !device) {
    return std::unexpected(
        std::move(device).error().hint("fuse-overlayfs needs read and write access to /dev/fuse"));
  }
  return {};
}

DriverProbe probe(DriverKind kind, const std::string& scratch) {
  const std::string name(to_string(kind));
  const std::string path = scratch + "/" + name;
  const auto attempt = [&]() -> Result<> {
    if (::mkdir(scratch.c_str(), 0700) != 0 && errno != EEXIST)
      return fail_errno("cannot make the directory '{}'", printable(scratch));
    const Fd parent = TRY(posix::open(scratch, O_RDONLY | O_DIRECTORY));
    TRY(check_needs(kind, parent));
    TRY(remove_tree(parent, name));
    TRY(posix::mkdir_at(parent, name, 0755));
    Result<> tried;
    {
      const Fd directory = TRY(posix::open_at(parent, name, O_PATH | O_DIRECTORY));
      tried = try_driver(kind, path, directory);
    }
    if (auto removed = remove_tree(parent, name); !removed && tried) tried = std::move(removed);
    return tried;
  };
  const Result<> result = attempt();
  if (result) return {.kind = kind};
  log::debug("layer driver {}: {}", name, result.error().message());
  return {.kind = kind, .problem = result.error().message(), .hint = result.error().hint_text()};
}

// What earlier starts on this boot of this kernel found out: a line each for release, boot and rights, then
// "first <driver>" for an unforced choice and "works <driver>" for any that worked.
class ProbeCache {
public:
  // A store may be used from inside a container too, where less is allowed.
  static std::string effective_capabilities() {
    constexpr std::string_view k_key = "\nCapEff:\t";
    const std::string status = posix::read_file("/proc/self/status", 64 * 1024).value_or("");
    const std::size_t found = status.find(k_key);
    return found == std::string::npos ? "" : status.substr(found + k_key.size(), 16);
  }

  explicit ProbeCache(const std::string& path) : m_path(path) {
    struct utsname names = {};
    if (::uname(&names) < 0) return;
    const auto boot = posix::read_file("/proc/sys/kernel/random/boot_id");
    if (!boot) return;
    m_here = fmt::format("{} {} {}", names.release, trim(*boot), effective_capabilities());
    const auto text = posix::read_file(path, 4096);
    if (!text) return;
    std::vector<std::string> lines = split(trim(*text), '\n');
    if (lines.front() == m_here) m_lines.assign(lines.begin() + 1, lines.end());
  }

  bool works(DriverKind kind) const {
    return std::find(m_lines.begin(), m_lines.end(), fmt::format("works {}", to_string(kind))) !=
           m_lines.end();
  }
  std::optional<DriverKind> first() const {
    for (const DriverKind kind : k_kinds) {
      const std::string line = fmt::format("first {}", to_string(kind));
      if (std::find(m_lines.begin(), m_lines.end(), line) != m_lines.end()) return kind;
    }
    return std::nullopt;
  }
  void remember(const char* what, DriverKind kind) {
    if (m_here.empty()) return;
    m_lines.push_back(fmt::format("{} {}", what, to_string(kind)));
    if (auto written = write_file_atomically(m_path, m_here + "\n" + join(m_lines, "\n") + "\n"); !written) {
      log::debug("cannot remember the layer driver: {}", written.error().message());
    }
  }

private:
  std::string m_path;
  std::string m_here;
  std::vector<std::string> m_lines;
};

}  // namespace

std::string_view to_string(DriverKind kind) {
  switch (kind) {
    case DriverKind::overlay:
      return "overlay";
    case DriverKind::fuse_overlayfs:
      return "fuse-overlayfs";
    case DriverKind::copy:
      return "copy";
  }
  return "";
}

Result<DriverKind> parse_driver(std::string_view name) {
  std::array<std::string_view, k_kinds.size()> names;
  for (std::size_t i = 0; i < k_kinds.size(); ++i) {
    names[i] = to_string(k_kinds[i]);
    if (names[i] == name) return k_kinds[i];
  }
  Error error(ErrorKind::invalid, fmt::format("no layer driver '{}'", printable(name)));
  const std::string close = nearest(name, names);
  if (close.empty())
    return std::unexpected(std::move(error).hint("there are overlay, fuse-overlayfs and copy"));
  return std::unexpected(std::move(error).hint(fmt::format("did you mean '{}'?", close)));
}

std::vector<DriverProbe> probe_drivers(const std::string& scratch) {
  std::vector<DriverProbe> probes;
  for (const DriverKind kind : k_kinds) probes.push_back(probe(kind, scratch));
  return probes;
}

Result<std::unique_ptr<LayerDriver>> make_driver(std::optional<DriverKind> wanted, const std::string& scratch,
                                                 const std::string& cache_file) {
  ProbeCache cache(cache_file);
  if (wanted) {
    if (cache.works(*wanted)) return new_driver(*wanted);
    const DriverProbe found = probe(*wanted, scratch);
    if (!found.problem.empty()) {
      return std::unexpected(
          Error(ErrorKind::unsupported,
                fmt::format("the layer driver {} does not work here: {}", to_string(*wanted), found.problem))
              .hint(found.hint));
    }
    cache.remember("works", *wanted);
    return new_driver(*wanted);
  }
  if (const auto first = cache.first()) return new_driver(*first);
  DriverProbe last{.kind = DriverKind::copy};
  for (const DriverKind kind : k_kinds) {
    last = probe(kind, scratch);
    if (!last.problem.empty()) continue;
    cache.remember("first", kind);
    return new_driver(kind);
  }
  return std::unexpected(
      Error(ErrorKind::unsupported, fmt::format("no layer driver works here: {}", last.problem))
          .hint(last.hint));
}

}  // namespace ecrin::fs

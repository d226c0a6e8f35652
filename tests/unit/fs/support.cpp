#include "tests/unit/fs/support.hpp"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "fs/changeset.hpp"
#include "fs/lower_tree.hpp"
#include "fs/metadata.hpp"
#include "fs/tree.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs::test {

namespace {

std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// $TMPDIR; unless it is set, memory, where many small files cost nothing.
const std::string& temporary_directory() {
  static const std::string k_directory = [] {
    const std::string directory = std::filesystem::temp_directory_path();
    const bool has_memory = ::access("/dev/shm", W_OK | X_OK) == 0;
    return directory == "/tmp" && has_memory ? std::string("/dev/shm") : directory;
  }();
  return k_directory;
}

// Making something in a directory changes its time, which tests want to know.
class KeepTime {
public:
  explicit KeepTime(const Fd& directory)
      : m_directory(directory), m_mtime(must(posix::stat_fd(directory)).st_mtim) {}
  ~KeepTime() { (void)posix::set_times_at(m_directory, ".", m_mtime); }

private:
  const Fd& m_directory;
  struct timespec m_mtime;
};

// The directory of `path`; missing ones are made.
std::pair<Fd, std::string> place(const Fd& root, const std::string& path, std::int64_t mtime) {
  const auto [parent, name] = split_path(path);
  Fd current = must(posix::open_at(root, ".", O_PATH | O_DIRECTORY));
  if (parent != ".") {
    for (const std::string& component : split(parent, '/')) {
      if (must(posix::exists_at(current, component)) == posix::Exists::no) {
        const KeepTime keep(current);
        must(posix::mkdir_at(current, component, 0755));
        must(posix::chmod_at(current, component, 0755));
        must(posix::set_times_at(current, component, {.tv_sec = mtime, .tv_nsec = 0}));
      }
      current = must(posix::open_at(current, component, O_PATH | O_DIRECTORY));
    }
  }
  return {std::move(current), name};
}

}  // namespace

TempTree::TempTree() {
  std::string pattern = temporary_directory() + "/ecrin-fs-XXXXXX";
  if (!::mkdtemp(pattern.data())) FAIL("cannot make a temporary directory in " << temporary_directory());
  m_path = pattern;
  m_root = must(posix::open(m_path, O_RDONLY | O_DIRECTORY));
  must(posix::fchmod(m_root, 0755));
}

TempTree::~TempTree() {
  (void)clear_directory(m_root);
  m_root.reset();
  ::rmdir(m_path.c_str());
}

void TempTree::file(const std::string& name, const std::string& content, mode_t mode) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  const KeepTime keep(directory);
  const Fd fd = must(posix::open_at(directory, leaf, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  must(posix::write_full(fd, content));
  must(posix::fchmod(fd, mode));
  must(posix::set_times_at(directory, leaf, {.tv_sec = mtime, .tv_nsec = 0}));
}

void TempTree::directory(const std::string& name, mode_t mode) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  const KeepTime keep(directory);
  must(posix::mkdir_at(directory, leaf, 0755));
  must(posix::chmod_at(directory, leaf, mode));
  must(posix::set_times_at(directory, leaf, {.tv_sec = mtime, .tv_nsec = 0}));
}

void TempTree::symlink(const std::string& name, const std::string& target) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  const KeepTime keep(directory);
  must(posix::symlink_at(target, directory, leaf));
  must(posix::set_times_at(directory, leaf, {.tv_sec = mtime, .tv_nsec = 0}));
}

void TempTree::hardlink(const std::string& name, const std::string& target) {
  const auto [from, from_leaf] = place(m_root, target, mtime);
  const auto [directory, leaf] = place(m_root, name, mtime);
  const KeepTime keep(directory);
  must(posix::link_at(from, from_leaf, directory, leaf));
}

void TempTree::fifo(const std::string& name) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  const KeepTime keep(directory);
  must(posix::mknod_at(directory, leaf, S_IFIFO | 0600, 0));
  must(posix::set_times_at(directory, leaf, {.tv_sec = mtime, .tv_nsec = 0}));
}

void TempTree::whiteout(const std::string& name) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  const KeepTime keep(directory);
  must(make_whiteout(directory, leaf));
}

void TempTree::xattr(const std::string& name, const std::string& key, const std::string& value) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  must(posix::set_xattr_at(directory, leaf, key, value));
}

void TempTree::chmod(const std::string& name, mode_t mode) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  must(posix::chmod_at(directory, leaf, mode));
}

void TempTree::remove(const std::string& name) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  const KeepTime keep(directory);
  must(remove_tree(directory, leaf));
}

void TempTree::time(const std::string& name, std::int64_t seconds, long nanoseconds) {
  const auto [directory, leaf] = place(m_root, name, mtime);
  must(posix::set_times_at(directory, leaf, {.tv_sec = seconds, .tv_nsec = nanoseconds}));
}

bool TempTree::exists(const std::string& name) const {
  const auto [parent, leaf] = split_path(name);
  const auto directory = posix::open_at(m_root, parent, O_PATH | O_DIRECTORY);
  return directory && must(posix::exists_at(*directory, leaf)) == posix::Exists::yes;
}

struct stat TempTree::status(const std::string& name) const {
  return must(posix::lstat_at(m_root, name));
}

std::string TempTree::read(const std::string& name) const {
  return must(posix::read_fd(must(posix::open_at(m_root, name, O_RDONLY | O_NOFOLLOW))));
}

Fd TempTree::open(const std::string& name) const {
  return must(posix::open_at(m_root, name, O_PATH | O_DIRECTORY));
}

namespace {

struct Describer : Visitor {
  std::string text;
  std::map<Inode, std::string> links;

  Result<Descend> visit(const Place& place) {
    const struct stat& status = place.status;
    text += fmt::format("{} {:o} {}:{} {}", printable(place.path()), status.st_mode, status.st_uid,
                        status.st_gid, status.st_mtim.tv_sec);
    for (const auto& xattr : TRY(layer_xattrs_at(place.directory, place.name, status))) {
      text += fmt::format(" {}={}", xattr.name, printable(xattr.value));
    }
    if (S_ISREG(status.st_mode)) {
      const Fd file = TRY(posix::open_at(place.directory, place.name, O_RDONLY));
      text += fmt::format(" {} {}", status.st_size, sha256_hex(TRY(posix::read_fd(file))).substr(0, 12));
    }
    if (S_ISLNK(status.st_mode)) {
      text += " -> " + printable(TRY(posix::readlink_at(place.directory, place.name)));
    }
    if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
      text += fmt::format(" {}:{}", major(status.st_rdev), minor(status.st_rdev));
    }
    if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) {
      text += " = " + printable(links.try_emplace(inode_of(status), place.path()).first->second);
    }
    if (S_ISDIR(status.st_mode) && TRY(is_opaque(place.directory, place.name))) text += " opaque";
    text += '\n';
    return S_ISDIR(status.st_mode) ? Descend::yes : Descend::no;
  }
};

struct Outliner : Visitor {
  std::string text;
  Result<Descend> visit(const Place& place) {
    if (!text.empty()) text += ' ';
    text += printable(place.path());
    const mode_t mode = place.status.st_mode;
    if (S_ISDIR(mode)) text += TRY(is_opaque(place.directory, place.name)) ? "/=" : "/";
    if (S_ISLNK(mode)) text += '@';
    if (is_whiteout(place.status)) text += '!';
    return S_ISDIR(mode) ? Descend::yes : Descend::no;
  }
};

}  // namespace

std::string describe(const Fd& root) {
  Describer describer;
  must(walk(root, describer));
  return describer.text;
}

std::string outline(const Fd& root) {
  Outliner outliner;
  must(walk(root, outliner));
  return outliner.text;
}

bool has_xattrs() {
  static const bool k_has = [] {
    TempTree tree;
    return posix::set_xattr_at(tree.root(), ".", "user.test", "x").has_value();
  }();
  return k_has;
}

std::string make_tar(const std::vector<Item>& items) {
  StringSink sink;
  TarWriter writer(sink);
  for (const Item& item : items) {
    must(writer.add(item.entry));
    if (item.entry.size > 0) must(writer.write_data(as_bytes(item.content)));
  }
  must(writer.finish());
  return sink.bytes();
}

Item file_item(const std::string& path, const std::string& content, mode_t mode) {
  return {.entry = {.path = path,
                    .mode = mode,
                    .uid = ::geteuid(),
                    .gid = ::getegid(),
                    .size = content.size(),
                    .mtime = 1000},
          .content = content};
}

Item directory_item(const std::string& path, mode_t mode) {
  return {.entry = {.path = path,
                    .type = EntryType::directory,
                    .mode = mode,
                    .uid = ::geteuid(),
                    .gid = ::getegid(),
                    .mtime = 1000},
          .content = ""};
}

Item link_item(EntryType type, const std::string& path, const std::string& target) {
  return {.entry = {.path = path,
                    .type = type,
                    .mode = 0777,
                    .uid = ::geteuid(),
                    .gid = ::getegid(),
                    .mtime = 1000,
                    .link_target = target},
          .content = ""};
}

Result<ChangesetSummary> canonicalise(const Fd& upper, const Fd* below, const CanonicalOptions& options) {
  LowerTree lower;
  if (below) lower = TRY(LowerTree::of_tree(*below));
  return fs::canonicalise(upper, lower, options);
}

Result<> extract_changes(const Fd& below, const Fd& changed, const Fd& upper) {
  LowerTree lower = TRY(LowerTree::of_tree(below));
  return fs::extract_changes(lower, changed, upper, nullptr);
}

std::string layer_of(const Fd& changeset) {
  StringSink sink;
  must(write_layer(changeset, sink));
  return sink.bytes();
}

void fill_random(TempTree& tree, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  std::vector<std::string> directories = {""};
  std::vector<std::string> files;
  for (unsigned i = 0, count = 10 + pick(30); i < count; ++i) {
    std::string name = std::string(1 + pick(3), static_cast<char>('a' + pick(5)));
    if (pick(8) == 0) name += "\n\xff\xc3";
    if (pick(12) == 0) name += std::string(200, 'n');
    const std::string path = directories[pick(static_cast<unsigned>(directories.size()))] + name;
    if (tree.exists(path)) continue;
    tree.mtime = 100 + pick(2000);
    switch (pick(8)) {
      case 0:
      case 1:
        tree.directory(path, 0700 + pick(0100));
        directories.push_back(path + "/");
        break;
      case 2:
        tree.symlink(path, "../" + name);
        break;
      case 3:
        tree.fifo(path);
        break;
      case 4:
        if (!files.empty()) {
          tree.hardlink(path, files[pick(static_cast<unsigned>(files.size()))]);
          break;
        }
        [[fallthrough]];
      default:
        tree.file(path, std::string(pick(3000), static_cast<char>(pick(256))), 0600 + pick(0100));
        if (has_xattrs() && pick(4) == 0) tree.xattr(path, "user.a", std::string("b\0\n", 3));
        files.push_back(path);
    }
  }
}

}  // namespace ecrin::fs::test

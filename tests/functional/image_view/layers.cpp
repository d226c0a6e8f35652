#include "tests/functional/image_view/layers.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "base/hash.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/directory_stack.hpp"
#include "fs/metadata.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::tests {

using namespace ecrin::fs;

namespace {

class LayerMaker {
public:
  explicit LayerMaker(unsigned seed) : m_random(seed) {}

  Result<> fill(const Fd& directory, int depth) {
    for (int i = below(8) + 2; i > 0; --i) {
      const std::string name = some_name();
      if (TRY(posix::exists_at(directory, name)) == posix::Exists::yes) continue;
      TRY(make(directory, name, depth));
    }
    return {};
  }

private:
  int below(int bound) { return static_cast<int>(m_random() % static_cast<unsigned>(bound)); }
  std::string some_name() {
    static const std::vector<std::string> k_names = {
        "a",        "b",         "c",  "d",   "e",
        "f",        "A",         "aa", "a b", "\xff\xfe",
        "\xc3\xa4", "new\nline", "-x", "a.b", std::string(255, 'n')};
    return k_names[static_cast<std::size_t>(below(static_cast<int>(k_names.size())))];
  }

  Result<> make(const Fd& directory, const std::string& name, int depth) {
    const int kind = below(12);
    if (kind < 4 && depth > 0) {
      TRY(posix::mkdir_at(directory, name, 0700));
      const Fd made = TRY(posix::open_at(directory, name, O_RDONLY | O_DIRECTORY));
      TRY(fill(made, depth - 1));
      if (below(4) == 0) TRY(set_opaque(directory, name));
      return finish(directory, name, below(2) ? 0755 : 01777);
    }
    if (kind == 4) return make_whiteout(directory, name);
    if (kind == 5) {
      TRY(posix::symlink_at(std::string(static_cast<std::size_t>(below(300) + 1), 't'), directory, name));
      TRY(posix::chown_at(directory, name, static_cast<uid_t>(below(1000)), 5));
      return posix::set_times_at(directory, name, some_time());
    }
    if (kind == 6) {
      TRY(posix::mknod_at(directory, name, S_IFIFO | 0600, 0));
      return finish(directory, name, 0640);
    }
    if (kind == 7 && m_file) return posix::link_at(m_file_directory, m_file_name, directory, name);
    const Fd file = TRY(posix::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
    TRY(posix::write_full(
        file, std::string(static_cast<std::size_t>(below(20000)), static_cast<char>('a' + below(26)))));
    m_file_directory = TRY(directory.duplicate());
    m_file_name = name;
    m_file = true;
    return finish(directory, name, below(4) ? 0644 : 04755);
  }

  struct timespec some_time() {
    return {.tv_sec = 1'000'000'000 + below(100'000'000), .tv_nsec = below(1'000'000'000)};
  }

  Result<> finish(const Fd& directory, const std::string& name, mode_t mode) {
    TRY(posix::chown_at(directory, name, static_cast<uid_t>(below(3) * 100),
                        static_cast<gid_t>(below(3) * 7)));
    TRY(posix::chmod_at(directory, name, mode));
    const struct stat status = TRY(posix::lstat_at(directory, name));
    if (!S_ISFIFO(status.st_mode) && below(3) == 0)
      TRY(posix::set_xattr_at(directory, name, "user.test",
                              std::string(static_cast<std::size_t>(below(50)), 'x')));
    return posix::set_times_at(directory, name, some_time());
  }

  std::mt19937 m_random;
  bool m_file = false;  // the last one, for links
  Fd m_file_directory;
  std::string m_file_name;
};

struct TreeDescriber : Visitor {
  std::vector<std::string> lines;
  std::map<Inode, std::string> links;
  time_t since;

  explicit TreeDescriber(time_t changed_since) : since(changed_since) {}

  // Names that are listed only.
  Result<> list(const Fd& directory, Names& names) {
    std::erase_if(names, [&](const std::string& name) { return !posix::lstat_at(directory, name); });
    return {};
  }
  Result<Descend> visit(const Place& place) {
    const struct stat& status = place.status;
    std::string line =
        fmt::format("{} {:o} {}:{} ", printable(place.path()), status.st_mode, status.st_uid, status.st_gid);
    if (!S_ISDIR(status.st_mode))
      line += fmt::format("{} {} {} ", status.st_nlink, status.st_size, status.st_blocks);
    line += status.st_mtim.tv_sec >= since
                ? "new"
                : fmt::format("{}.{}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
      for (const auto& xattr : TRY(posix::list_xattrs_at(place.directory, place.name)))
        if (!is_control_xattr(xattr.name)) line += fmt::format(" {}={}", xattr.name, printable(xattr.value));
    }
    if (S_ISREG(status.st_mode)) {
      const Fd file = TRY(posix::open_at(place.directory, place.name, O_RDONLY));
      line += " " + sha256_hex(TRY(posix::read_fd(file, 1u << 30))).substr(0, 12);
    }
    if (S_ISLNK(status.st_mode))
      line += " -> " + printable(TRY(posix::readlink_at(place.directory, place.name)));
    if (!S_ISDIR(status.st_mode) && status.st_nlink > 1)
      line += " = " + printable(links.try_emplace(inode_of(status), place.path()).first->second);
    lines.push_back(std::move(line));
    return S_ISDIR(status.st_mode) ? Descend::yes : Descend::no;
  }
};

}  // namespace

Result<> make_random_layers(const std::string& directory, unsigned seed, int count) {
  for (int layer = 0; layer < count; ++layer) {
    const std::string path = fmt::format("{}/{}/diff", directory, layer);
    TRY(posix::make_directories(path, 0755));
    const Fd root = TRY(posix::open(path, O_RDONLY | O_DIRECTORY));
    TRY(LayerMaker(seed * 1000 + static_cast<unsigned>(layer)).fill(root, 4));
    TRY(posix::set_times_at(root, ".", {.tv_sec = 1000 + layer, .tv_nsec = 5}));
  }
  return {};
}

Result<> make_wide_layer(const std::string& layer, int directories, int files, int names) {
  for (int number = 0; number < directories; ++number) {
    const std::string path = fmt::format("{}/wide/{}", layer, number);
    TRY(posix::make_directories(path, 0755));
    const Fd directory = TRY(posix::open(path, O_RDONLY | O_DIRECTORY));
    for (int file = 0; file < files; ++file) {
      const std::string name = std::to_string(file);
      const Fd made = TRY(posix::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0644));
      TRY(posix::write_full(made, name + "\n"));
    }
    for (int more = files; more < names; ++more)
      TRY(posix::link_at(directory, std::to_string(more % files), directory, std::to_string(more)));
  }
  return {};
}

Result<std::vector<std::string>> describe_tree(const std::string& root, time_t since) {
  TreeDescriber describer(since);
  TRY(walk(TRY(posix::open(root, O_RDONLY | O_DIRECTORY)), describer));
  std::ranges::sort(describer.lines);
  return std::move(describer.lines);
}

}  // namespace ecrin::tests

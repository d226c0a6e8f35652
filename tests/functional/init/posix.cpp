#include "posix.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr uid_t k_stranger = 65534;

void say(const std::string& call, const std::string& path, const std::string& result) {
  std::printf("%s %s -> %s\n", call.c_str(), path.c_str(), result.c_str());
}
std::string error_name() {
  return strerrorname_np(errno);
}
/// The result of a call that gives -1 or a number.
std::string outcome(long long result) {
  return result < 0 ? error_name() : std::to_string(result);
}
/// That of one whose number does not matter.
std::string good(long long result) {
  return result < 0 ? error_name() : "ok";
}

class File {
public:
  File(const std::string& path, int flags, mode_t mode = 0600)
      : m_fd(open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    const int kept = errno;
    if (m_fd >= 0) close(m_fd);
    errno = kept;
  }
  int fd() const { return m_fd; }

private:
  int m_fd;
};

std::string checksum(const unsigned char* bytes, std::size_t size) {
  std::uint32_t sum = 2166136261u;
  for (std::size_t i = 0; i < size; ++i) sum = (sum ^ bytes[i]) * 16777619u;
  return std::to_string(sum);
}

void ask_open(const std::string& path) {
  const std::pair<const char*, int> ways[] = {
      {"open-read", O_RDONLY | O_NONBLOCK},
      {"open-directory", O_RDONLY | O_DIRECTORY},
      {"open-nofollow", O_RDONLY | O_NOFOLLOW | O_NONBLOCK},
      {"open-path", O_PATH | O_NOFOLLOW},
      {"open-new", O_RDWR | O_CREAT | O_EXCL},
      {"open-noatime", O_RDONLY | O_NOATIME | O_NONBLOCK},
  };
  for (const auto& [name, flags] : ways) {
    const File file(path, flags);
    say(name, path, good(file.fd()));
  }
}

void ask_names(const std::string& path) {
  struct stat status;
  const auto look = [&](const std::string& name) {
    say("stat", name, good(stat(name.c_str(), &status)));
    say("lstat", name, good(lstat(name.c_str(), &status)));
  };
  look(path);
  look(path + "/");
  look(path + "/.");
  look(path + "/..");
  look(path + "/none");
  look(path + "/none/none");
  look(path + "/" + std::string(255, 'n'));
  look(path + "/" + std::string(256, 'n'));
  char target[4096];
  const ssize_t length = readlink(path.c_str(), target, sizeof target);
  say("readlink", path, length < 0 ? error_name() : std::string(target, static_cast<std::size_t>(length)));
  say("readlink-short", path, outcome(readlink(path.c_str(), target, 2)));
  for (const int mode : {F_OK, R_OK, W_OK, X_OK})
    say("access-" + std::to_string(mode), path, good(faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS)));
}

void ask_attributes(const std::string& path) {
  char list[4096];
  char value[4096];
  const ssize_t size = llistxattr(path.c_str(), list, sizeof list);
  say("listxattr", path, outcome(size));
  say("listxattr-size", path, good(llistxattr(path.c_str(), nullptr, 0)));  // may be more than there are
  if (size > 1) say("listxattr-short", path, outcome(llistxattr(path.c_str(), list, 1)));
  std::vector<std::string> names;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(std::strlen(list + at)) + 1)
    names.push_back(list + at);
  std::sort(names.begin(), names.end());
  names.push_back("user.none");
  names.push_back("security.capability");
  for (const std::string& name : names) {
    const ssize_t length = lgetxattr(path.c_str(), name.c_str(), value, sizeof value);
    say("getxattr " + name, path,
        length < 0 ? error_name()
                   : checksum(reinterpret_cast<unsigned char*>(value), static_cast<std::size_t>(length)));
    say("getxattr-size " + name, path, outcome(lgetxattr(path.c_str(), name.c_str(), nullptr, 0)));
  }
  // Programs take "there are none" and "none here" for the same.
  const ssize_t acl = lgetxattr(path.c_str(), "system.posix_acl_access", value, sizeof value);
  say("acl", path, acl < 0 && (errno == EOPNOTSUPP || errno == ENODATA) ? "none" : outcome(acl));
}

void ask_content(const std::string& path, const struct stat& status) {
  const File file(path, O_RDONLY);
  if (file.fd() < 0) return;
  const off_t size = status.st_size;
  unsigned char buffer[8192];
  for (const off_t offset : {off_t{0}, off_t{1}, size / 2, size - 1, size, size + 4096}) {
    const ssize_t count = pread(file.fd(), buffer, sizeof buffer, offset);
    say("pread-" + std::to_string(offset), path,
        outcome(count) + " " + checksum(buffer, count > 0 ? static_cast<std::size_t>(count) : 0));
  }
  struct iovec parts[2] = {{buffer, 3}, {buffer + 10, 5}};
  say("readv", path, outcome(readv(file.fd(), parts, 2)));
  say("seek-end", path, outcome(lseek(file.fd(), 0, SEEK_END)));
  say("seek-before", path, outcome(lseek(file.fd(), -size - 1, SEEK_END)));
  say("read-end", path, outcome(read(file.fd(), buffer, sizeof buffer)));
  say("write-readonly", path, outcome(write(file.fd(), "x", 1)));
  say("truncate-readonly", path, outcome(ftruncate(file.fd(), 0)));
  say("allocate-readonly", path, good(fallocate(file.fd(), 0, 0, 1)));
  say("advise", path, outcome(posix_fadvise(file.fd(), 0, 0, POSIX_FADV_WILLNEED)));
  say("flock-shared", path, outcome(flock(file.fd(), LOCK_SH | LOCK_NB)));
  say("flock", path, outcome(flock(file.fd(), LOCK_EX | LOCK_NB)));
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
  say("lock-read", path, outcome(fcntl(file.fd(), F_SETLK, &lock)));
  lock.l_type = F_WRLCK;
  say("lock-write", path, outcome(fcntl(file.fd(), F_SETLK, &lock)));
  say("fsync", path, outcome(fsync(file.fd())));
  for (const auto& [name, sharing] : {std::pair{"map-private", MAP_PRIVATE}, {"map-shared", MAP_SHARED}}) {
    if (size == 0) {
      void* const none = mmap(nullptr, 0, PROT_READ, sharing, file.fd(), 0);
      say(name, path, none == MAP_FAILED ? error_name() : "ok");
      continue;
    }
    const auto length = static_cast<std::size_t>(std::min<off_t>(size, 1 << 22));
    void* const memory = mmap(nullptr, length, PROT_READ, sharing, file.fd(), 0);
    say(name, path,
        memory == MAP_FAILED ? error_name() : checksum(static_cast<const unsigned char*>(memory), length));
    if (memory != MAP_FAILED) munmap(memory, length);
    void* const writable = mmap(nullptr, length, PROT_READ | PROT_WRITE, sharing, file.fd(), 0);
    say(std::string(name) + "-writable", path, writable == MAP_FAILED ? error_name() : "ok");
    if (writable != MAP_FAILED) {
      *static_cast<unsigned char*>(writable) = 'w';  // of a private copy only
      munmap(writable, length);
    }
    void* const code = mmap(nullptr, length, PROT_READ | PROT_EXEC, sharing, file.fd(), 0);
    say(std::string(name) + "-code", path, code == MAP_FAILED ? error_name() : "ok");
    if (code != MAP_FAILED) munmap(code, length);
  }
}

/// Copies by the kernel, out of the tree's files into new ones.
void ask_copies(const std::string& root, const std::string& path, const struct stat& status) {
  const std::string copy = root + "/copy-of-file";
  for (const char* way : {"sendfile", "copy_file_range", "splice"}) {
    const File from(path, O_RDONLY);
    const File to(copy, O_RDWR | O_CREAT | O_TRUNC);
    const std::string call = way;
    ssize_t count = -1;
    const auto size = static_cast<std::size_t>(status.st_size);
    if (call == "sendfile") {
      count = sendfile(to.fd(), from.fd(), nullptr, size);
    } else if (call == "copy_file_range") {
      // Between two file systems a program has to copy by itself.
      count = copy_file_range(from.fd(), nullptr, to.fd(), nullptr, size, 0);
      if (count < 0 && errno == EXDEV) count = status.st_size;
    } else {
      int ends[2];
      if (pipe(ends) != 0) return;
      count = splice(from.fd(), nullptr, ends[1], nullptr, std::min<std::size_t>(size, 4096), 0);
      close(ends[0]);
      close(ends[1]);
    }
    say(call, path, outcome(count));
  }
  unlink(copy.c_str());
}

void ask_execution(const std::string& path) {
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    char* const words[] = {const_cast<char*>("none"), nullptr};
    char* const environment[] = {nullptr};
    // What can be executed is a program that does little with these words.
    const File nothing("/", O_RDONLY);
    dup2(nothing.fd(), 0);
    dup2(nothing.fd(), 1);
    dup2(nothing.fd(), 2);
    execve(path.c_str(), words, environment);
    _exit(errno == EACCES ? 101 : errno == ENOEXEC ? 102 : errno == EPERM ? 103 : 104);
  }
  int code = 0;
  waitpid(pid, &code, 0);
  say("exec", path, std::to_string(WIFEXITED(code) ? WEXITSTATUS(code) : -WTERMSIG(code)));
}

std::vector<std::string> ask_directory(const std::string& path) {
  std::vector<std::string> names;
  DIR* const directory = opendir(path.c_str());
  if (!directory) {
    say("opendir", path, error_name());
    return names;
  }
  char byte;
  say("read-directory", path, outcome(read(dirfd(directory), &byte, 1)));
  std::vector<long> places;
  const auto read_all = [directory] {
    std::vector<std::string> found;
    while (const dirent* entry = readdir(directory)) found.push_back(entry->d_name);
    return found;
  };
  for (;;) {
    places.push_back(telldir(directory));
    const dirent* const entry = readdir(directory);
    if (!entry) break;
    names.push_back(entry->d_name);
  }
  bool same = true;
  for (const std::size_t place : {std::size_t{0}, names.size() / 2, names.size()}) {
    seekdir(directory, places[place]);
    const std::vector<std::string> rest = read_all();
    same = same && std::equal(rest.begin(), rest.end(), names.begin() + static_cast<std::ptrdiff_t>(place),
                              names.end());
  }
  say("seekdir", path, same ? "the same names" : "other names");
  rewinddir(directory);
  say("rewinddir", path, read_all() == names ? "the same names" : "other names");
  closedir(directory);
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += " " + name;
  say("names", path, all);
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  return names;
}

void ask_below(const std::string& path, bool may_write, const std::string& root) {
  struct stat status;
  const int found = lstat(path.c_str(), &status);
  say("lstat", path, good(found));
  ask_names(path);
  ask_open(path);
  ask_attributes(path);
  if (found != 0) return;
  if (S_ISREG(status.st_mode)) {
    ask_content(path, status);
    ask_execution(path);
    if (may_write) ask_copies(root, path, status);
  }
  if (S_ISFIFO(status.st_mode)) {
    const File writing(path, O_WRONLY | O_NONBLOCK);
    say("open-fifo", path, good(writing.fd()));
  }
  if (!S_ISDIR(status.st_mode)) return;
  for (const std::string& name : ask_directory(path)) ask_below(path + "/" + name, may_write, root);
}

/// Everything that fails, of each path, and changes nothing.
void refuse_below(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return;
  say("mkdir", path, outcome(mkdir(path.c_str(), 0700)));
  say("symlink", path, outcome(symlink("x", path.c_str())));
  say("mknod", path, outcome(mknod(path.c_str(), S_IFIFO | 0600, 0)));
  say("link-onto", path, outcome(link(path.c_str(), path.c_str())));
  say("rename-into-itself", path, outcome(rename(path.c_str(), (path + "/x").c_str())));
  say("open-as-directory", path + "/", good(File(path + "/", O_WRONLY | O_CREAT).fd()));
  if (!S_ISDIR(status.st_mode)) {
    say("rmdir", path, outcome(rmdir(path.c_str())));
    return;
  }
  say("unlink", path, outcome(unlink(path.c_str())));
  say("link", path, outcome(link(path.c_str(), (path + "-link").c_str())));
  say("open-write", path, good(File(path, O_WRONLY).fd()));
  say("rmdir-dot", path, outcome(rmdir((path + "/.").c_str())));
  for (const std::string& name : ask_directory(path)) refuse_below(path + "/" + name);
  if (!ask_directory(path).empty()) say("rmdir", path, outcome(rmdir(path.c_str())));
}

/// What changes each path, the deepest first, until nothing is left.
void change_below(const std::string& path, bool is_root) {
  struct stat before;
  if (lstat(path.c_str(), &before) != 0) return;
  if (S_ISDIR(before.st_mode)) {
    for (const std::string& name : ask_directory(path)) change_below(path + "/" + name, false);
  }
  if (is_root) return;
  const auto look = [&](const std::string& call, long long result) {
    struct stat now = {};
    lstat(path.c_str(), &now);
    char facts[100];
    std::snprintf(facts, sizeof facts, " %o %u:%u %lld", static_cast<unsigned>(now.st_mode), now.st_uid,
                  now.st_gid, S_ISDIR(now.st_mode) ? 0LL : static_cast<long long>(now.st_size));
    say(call, path, good(result) + facts);
  };
  const struct timespec times[2] = {{.tv_sec = 1, .tv_nsec = 2}, {.tv_sec = 3, .tv_nsec = 4}};
  if (S_ISREG(before.st_mode)) {
    // Two descriptors from before the change: overlay shows what it was to them.
    const File reader(path, O_RDONLY);
    look("append", [&] {
      const File writer(path, O_WRONLY | O_APPEND);
      return write(writer.fd(), "more", 4);
    }());
    look("grow", truncate(path.c_str(), before.st_size + 5000));
    const File again(path, O_RDONLY);
    unsigned char buffer[4096];
    const ssize_t count = pread(again.fd(), buffer, sizeof buffer, std::max<off_t>(before.st_size - 5, 0));
    say("pread-changed", path,
        outcome(count) + " " + checksum(buffer, count > 0 ? static_cast<std::size_t>(count) : 0));
    look("empty", truncate(path.c_str(), 0));
  }
  if (!S_ISLNK(before.st_mode)) look("chmod", chmod(path.c_str(), 0640));
  look("chown", lchown(path.c_str(), 3, 4));
  look("utimens", utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW));
  if (!S_ISLNK(before.st_mode)) {
    look("setxattr", lsetxattr(path.c_str(), "user.new", "value", 5, 0));
    look("removexattr", lremovexattr(path.c_str(), "user.none"));
  }
  const std::string other = path + "-renamed";
  look("rename", rename(path.c_str(), other.c_str()));
  look("rename-back", rename(other.c_str(), path.c_str()));
  if (S_ISDIR(before.st_mode)) {
    look("rmdir", rmdir(path.c_str()));
    look("mkdir", mkdir(path.c_str(), 0711));
    say("names-again", path, std::to_string(ask_directory(path).size()));
  } else {
    look("link", link(path.c_str(), other.c_str()));
    look("unlink", unlink(path.c_str()));
    look("unlink-other", unlink(other.c_str()));
  }
}

}  // namespace

int ask_tree(const std::string& root) {
  ask_below(root, true, root);
  std::fflush(stdout);
  const pid_t stranger = fork();
  if (stranger == 0) {
    if (setresgid(k_stranger, k_stranger, k_stranger) != 0 ||
        setresuid(k_stranger, k_stranger, k_stranger) != 0)
      _exit(1);
    ask_below(root, false, root);
    std::fflush(stdout);
    _exit(0);
  }
  int code = 0;
  waitpid(stranger, &code, 0);
  say("stranger", root, std::to_string(code));
  refuse_below(root);
  change_below(root, true);
  return 0;
}

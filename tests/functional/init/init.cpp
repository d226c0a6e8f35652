// test-init: the tests' own program inside containers (static, no library but libc), and beside them on the
// host where a tree is to be listed. Prints facts; judges nothing.
//
//   list DIR [--no-owner] [--no-time] [--no-holes] [--no-links]
//                      one line an entry, sorted: a canonical description of a tree
//   odd DIR [--plain] [--shallow]
//                      makes the odd files; --plain: only what an ordinary user can make; --shallow: no path
//                      that is too long for other tools
//   capable FILE       makes a file with cap_net_bind_service=ep
//   deep DIR BYTES     makes one path that is longer than BYTES
//   sparse FILE BYTES  a file of this size: data at each end, a hole between
//   try CALL           makes one system call: prints "ok" or the name of the error
//   with-key FILE ARGUMENT...
//                      executes it in a session that has a key, which "try find-key" looks for
//   terminal           what standard input is: "terminal ROWS COLUMNS" or "no terminal"
//   orphan SECONDS     leaves a grandchild behind that ends after SECONDS; prints its pid
//   lock FILE          locks it, prints "ready" and waits for ever
//   descriptors        numbers of the open descriptors
//   agent              how many keys the ssh-agent at $SSH_AUTH_SOCK has
//   serve PORT... [--only-ipv4]
//                      answers what it is asked, over TCP and UDP, IPv4 and IPv6; prints "ready" first
//   ask-tree DIR       what everything below it answers to system calls; removes it at the end
//   ask tcp|udp ADDRESS PORT TEXT
//                      what such a server answers: "PROTOCOL PORT TEXT from ADDRESS"
#include <dirent.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "posix.hpp"
#include "serve.hpp"

namespace {

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "test-init: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(111);
}
void must(bool good, const std::string& what) {
  if (!good) die(what);
}

// ---- list
// ----------------------------------------------------------------------------------------------------

bool g_owner = true;
bool g_time = true;
bool g_holes = true;
bool g_links = true;
std::map<std::pair<dev_t, ino_t>, std::string> g_seen;  // the first path of each file with several names

std::string escaped(const std::string& text) {
  std::string out;
  char code[8];
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (value > 0x20 && value < 0x7f && value != '\\') {
      out += byte;
    } else {
      std::snprintf(code, sizeof code, "\\x%02x", value);
      out += code;
    }
  }
  return out;
}

/// FNV-1a over offset and bytes of each block that is not all zeros: holes and written zeros are the same
/// content.
std::uint64_t content_sum(int fd) {
  std::uint64_t sum = 14695981039346656037ull;
  const auto mix = [&sum](unsigned char byte) { sum = (sum ^ byte) * 1099511628211ull; };
  off_t offset = 0;
  unsigned char block[4096];
  for (;;) {
    const off_t data = lseek(fd, offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data > offset) offset = data / 4096 * 4096;
    const ssize_t count = pread(fd, block, sizeof block, offset);
    must(count >= 0, "read");
    if (count == 0) break;
    if (std::any_of(block, block + count, [](unsigned char byte) { return byte != 0; })) {
      for (int shift = 0; shift < 64; shift += 8) mix(static_cast<unsigned char>(offset >> shift));
      std::for_each(block, block + count, mix);
    }
    offset += count;
  }
  return sum;
}

std::string xattrs_of(int path_fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(path_fd);
  std::vector<char> names(65536);
  const ssize_t size = listxattr(path.c_str(), names.data(), names.size());
  if (size < 0) return "";
  std::map<std::string, std::string> found;
  for (const char* name = names.data(); name < names.data() + size; name += std::strlen(name) + 1) {
    const std::string key = name;
    // What drivers and the host's security modules keep for themselves is not part of the tree.
    if (key.starts_with("user.overlay.") || key.starts_with("trusted.") ||
        key.starts_with("user.fuseoverlayfs.") || key.starts_with("user.containers.") ||
        key == "security.selinux")
      continue;
    std::vector<char> value(65536);
    const ssize_t length = getxattr(path.c_str(), name, value.data(), value.size());
    if (length < 0) continue;
    std::string bytes(value.data(), static_cast<std::size_t>(length));
    // The root id of a version 3 capability is the namespace's business; the rights are the same as version
    // 2's.
    if (key == "security.capability" && bytes.size() == 24) {
      bytes.resize(20);
      bytes[3] = '\x02';
    }
    found[key] = bytes;
  }
  std::string out;
  for (const auto& [key, value] : found) out += " " + escaped(key) + "=" + escaped(value);
  return out;
}

void list_entry(int directory, const std::string& name, const std::string& path);

void list_directory(int fd, const std::string& path) {
  DIR* stream = fdopendir(fd);
  must(stream != nullptr, "opendir " + path);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  for (const auto& name : names) list_entry(dirfd(stream), name, path.empty() ? name : path + "/" + name);
  closedir(stream);
}

void list_entry(int directory, const std::string& name, const std::string& path) {
  const int fd = openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  must(fd >= 0, "open " + path);
  struct stat info {};
  must(fstat(fd, &info) == 0, "stat " + path);
  // A very long path is told by its length and end, which keeps the lines readable.
  std::string line = path.size() <= 1024
                         ? escaped(path)
                         : "<" + std::to_string(path.size()) + ">" + escaped(path.substr(path.size() - 64));
  const char* type = S_ISREG(info.st_mode)    ? "file"
                     : S_ISDIR(info.st_mode)  ? "directory"
                     : S_ISLNK(info.st_mode)  ? "symlink"
                     : S_ISFIFO(info.st_mode) ? "fifo"
                     : S_ISCHR(info.st_mode)  ? "character"
                     : S_ISBLK(info.st_mode)  ? "block"
                                              : "socket";
  char mode[16];
  std::snprintf(mode, sizeof mode, " %04o", S_ISLNK(info.st_mode) ? 0777u : (info.st_mode & 07777u));
  line += std::string(" ") + type + mode;
  if (g_owner) line += " " + std::to_string(info.st_uid) + ":" + std::to_string(info.st_gid);
  if (g_time) line += " t=" + std::to_string(info.st_mtime);
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))
    line += " " + std::to_string(major(info.st_rdev)) + "," + std::to_string(minor(info.st_rdev));
  if (S_ISLNK(info.st_mode)) {
    std::string target(8192, '\0');
    const ssize_t length = readlinkat(fd, "", target.data(), target.size());
    must(length >= 0, "readlink " + path);
    target.resize(static_cast<std::size_t>(length));
    line += " -> " + escaped(target);
  }
  bool known = false;
  if (g_links && !S_ISDIR(info.st_mode) && info.st_nlink > 1) {
    const auto [place, fresh] = g_seen.emplace(std::make_pair(info.st_dev, info.st_ino), path);
    known = !fresh;
    if (known) line += " same-as=" + escaped(place->second);
  }
  if (S_ISREG(info.st_mode) && !known) {
    const int data = openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char sum[64];
    if (data >= 0) {
      std::snprintf(sum, sizeof sum, " size=%lld sum=%016llx", static_cast<long long>(info.st_size),
                    static_cast<unsigned long long>(content_sum(data)));
      close(data);
    } else {
      std::snprintf(sum, sizeof sum, " size=%lld unreadable", static_cast<long long>(info.st_size));
    }
    line += sum;
    if (g_holes && info.st_size > (1 << 24) && info.st_blocks * 512 < info.st_size / 2) line += " sparse";
  }
  std::puts((line + xattrs_of(fd)).c_str());
  if (S_ISDIR(info.st_mode)) {
    const int inside = openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    must(inside >= 0, "open " + path);
    list_directory(inside, path);
  }
  close(fd);
}

// ---- odd files
// -----------------------------------------------------------------------------------------------

void put(int directory, const std::string& name, const std::string& content, mode_t mode = 0644) {
  const int fd = openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(fd >= 0, "create " + name);
  must(write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()), "write " + name);
  must(fchmod(fd, mode) == 0, "chmod " + name);
  close(fd);
}

int make_directory(int parent, const std::string& name, mode_t mode = 0755) {
  must(mkdirat(parent, name.c_str(), 0700) == 0 || errno == EEXIST, "mkdir " + name);
  const int fd = openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(fd >= 0 && fchmod(fd, mode) == 0, "open " + name);
  return fd;
}

void make_deep(int parent, std::size_t bytes) {
  const std::string name(200, 'd');
  int fd = dup(parent);
  for (std::size_t length = 0; length < bytes; length += name.size() + 1) {
    const int next = make_directory(fd, name);
    close(fd);
    fd = next;
  }
  put(fd, "bottom", "the bottom\n");
  close(fd);
}

void make_sparse(int directory, const std::string& name, off_t size) {
  put(directory, name, "first");
  const int fd = openat(directory, name.c_str(), O_WRONLY | O_CLOEXEC);
  must(fd >= 0 && pwrite(fd, "last", 4, size - 4) == 4, "sparse " + name);
  close(fd);
}

void make_capable(const std::string& file) {
  put(AT_FDCWD, file, "21\n", 0755);
  // cap_net_bind_service=ep as version 2 of the attribute
  const std::string capability(
      "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  must(setxattr(file.c_str(), "security.capability", capability.data(), capability.size(), 0) == 0,
       "file capability");
}

/// What an ordinary user can make in a context, and a container's root on top of it.
void make_odd(const std::string& where, bool plain, bool shallow) {
  const int odd = make_directory(AT_FDCWD, where);
  put(odd, "with spaces  and  more ", "1\n");
  put(odd, "new\nline", "2\n");
  put(odd,
      "tab\tand\x01"
      "control",
      "3\n");
  put(odd, "latin1-\xe9\xff", "4\n");
  put(odd, "utf8-\xc3\xa9\xe2\x82\xac", "5\n");
  put(odd, "back\\slash", "6\n");
  put(odd, "-rf", "7\n");
  put(odd, "star*[a]?", "8\n");
  put(odd, "wh.not-a-whiteout", "9\n");
  put(odd, std::string(255, 'n'), "10\n");
  put(odd, std::string(126, 'm') + "\xc3\xa9" + std::string(127, 'm'), "11\n");
  put(odd, "quote'\"", "12\n");
  put(odd, "empty", "");
  put(odd, "unreadable", "13\n", 0000);
  put(odd, "write-only", "14\n", 0222);
  put(odd, "sticky-file", "15\n", 01644);
  put(odd, "hundred-" + std::string(92, 'h'), "16\n");
  close(make_directory(odd, "empty-directory", 0711));
  close(make_directory(odd, "sticky", 01777));
  const int links = make_directory(odd, "links");
  must(symlinkat("/nowhere/at/all", links, "dangling-absolute") == 0, "symlink");
  must(symlinkat("nothing", links, "dangling") == 0, "symlink");
  must(symlinkat("/etc/passwd", links, "absolute") == 0, "symlink");
  must(symlinkat("../../../../../../etc/passwd", links, "upwards") == 0, "symlink");
  must(symlinkat("new\nline \xff", links, "odd-target") == 0, "symlink");
  must(symlinkat(std::string(1000, 't').c_str(), links, "long-target") == 0, "symlink");
  must(symlinkat("loop", links, "loop") == 0, "symlink");
  must(symlinkat("..", links, "up") == 0, "symlink");
  put(links, "original", "linked\n");
  must(linkat(links, "original", links, "another", 0) == 0, "link");
  must(linkat(links, "original", odd, "a-link-outside-its-directory", 0) == 0, "link");
  close(links);
  const int sparse = make_directory(odd, "sparse");
  make_sparse(sparse, "sparse", off_t{64} << 20);
  must(openat(sparse, "all-hole", O_WRONLY | O_CREAT | O_CLOEXEC, 0644) >= 0 &&
           truncate((where + "/sparse/all-hole").c_str(), 1 << 20) == 0,
       "truncate");
  close(sparse);
  put(odd, "xattrs", "17\n");
  const std::string file = where + "/xattrs";
  must(setxattr(file.c_str(), "user.plain", "value", 5, 0) == 0, "setxattr");
  must(setxattr(file.c_str(), "user.binary", "\0\xff\n=", 4, 0) == 0, "setxattr");
  must(setxattr(file.c_str(), "user.long", std::string(2000, 'x').c_str(), 2000, 0) == 0, "setxattr");
  must(setxattr((where + "/empty-directory").c_str(), "user.on-a-directory", "yes", 3, 0) == 0, "setxattr");
  if (!shallow) make_deep(odd, 4500);
  if (!plain) {
    must(mkfifoat(odd, "fifo", 0640) == 0, "mkfifo");
    put(odd, "setuid", "18\n");
    put(odd, "setgid", "19\n");
    put(odd, "owned", "20\n");
    must(fchownat(odd, "setuid", 1, 1, 0) == 0 && fchmodat(odd, "setuid", 04755, 0) == 0, "setuid");
    must(fchownat(odd, "setgid", 0, 65534, 0) == 0 && fchmodat(odd, "setgid", 02755, 0) == 0, "setgid");
    must(fchownat(odd, "owned", 1000, 4242, 0) == 0, "chown");
    must(symlinkat("target", odd, "owned-symlink") == 0 &&
             fchownat(odd, "owned-symlink", 1000, 1000, AT_SYMLINK_NOFOLLOW) == 0,
         "chown of a symlink");
    close(make_directory(odd, "setgid-directory", 02775));
    make_capable(where + "/capable");
  }
  close(odd);
}

// ---- the rest
// ------------------------------------------------------------------------------------------------

int answer(long result) {
  std::puts(result >= 0 ? "ok" : strerrorname_np(errno));
  return 0;
}

constexpr const char* k_key = "ecrin-test-key";

// Runs the program in a session with a key.
int with_key(char** command) {
  must(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) > 0, "keyctl");
  must(syscall(SYS_add_key, "user", k_key, "secret", 6, -3) > 0, "add_key");
  execv(command[0], command);
  die(command[0]);
}

int try_call(const std::string& call) {
  if (call == "unshare-user") return answer(unshare(CLONE_NEWUSER));
  if (call == "unshare-mount") return answer(unshare(CLONE_NEWNS));
  if (call == "mount-tmpfs") return answer(mount("tmpfs", "/mnt", "tmpfs", 0, nullptr));
  if (call == "keyctl") return answer(syscall(SYS_keyctl, 0, -3, 0));
  if (call == "add-key") return answer(syscall(SYS_add_key, "user", "x", "y", 1, -3));
  if (call == "bpf") return answer(syscall(SYS_bpf, 0, nullptr, 0));
  if (call == "kexec") return answer(syscall(SYS_kexec_load, 0, 0, nullptr, 0));
  if (call == "reboot") return answer(syscall(SYS_reboot, 0, 0, 0, nullptr));
  if (call == "perf") return answer(syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  if (call == "clone3") return answer(syscall(SYS_clone3, nullptr, 0));
  if (call == "mknod-device") return answer(mknod("/tmp/device", S_IFCHR | 0600, makedev(1, 5)));
  if (call == "sethostname") return answer(sethostname("other", 5));
  if (call == "open-exe") return answer(open("/proc/1/exe", O_RDONLY | O_CLOEXEC));
  if (call == "inject-input") return answer(ioctl(0, TIOCSTI, "x"));
  if (call == "trace-init") return answer(ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
  if (call == "read-init") return answer(open("/proc/1/mem", O_RDONLY | O_CLOEXEC));
  if (call == "root-of-init") return answer(open("/proc/1/root", O_RDONLY | O_CLOEXEC));
  if (call == "find-key") return answer(syscall(SYS_keyctl, KEYCTL_SEARCH, -3, "user", k_key, 0));
  if (call == "chown") {
    put(AT_FDCWD, "/tmp/chown-me", "x");
    return answer(chown("/tmp/chown-me", 1000, 1000));
  }
  errno = EINVAL;
  die("unknown call " + call);
}

int terminal() {
  winsize size{};
  if (!isatty(STDIN_FILENO) || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) {
    std::puts("no terminal");
  } else {
    std::printf("terminal %u %u\n", size.ws_row, size.ws_col);
  }
  return 0;
}

int orphan(unsigned seconds) {
  if (const pid_t child = fork(); child == 0) {
    if (const pid_t grandchild = fork(); grandchild == 0) {
      sleep(seconds);
      _exit(0);
    } else {
      std::printf("%d\n", grandchild);
      std::fflush(stdout);
      _exit(0);
    }
  } else {
    must(child > 0, "fork");
    usleep(200'000);
  }
  return 0;
}

int lock_for_ever(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  must(fd >= 0 && flock(fd, LOCK_EX) == 0, "lock " + file);
  std::puts("ready");
  std::fflush(stdout);
  for (;;) pause();
}

int descriptors() {
  DIR* stream = opendir("/proc/self/fd");
  must(stream != nullptr, "opendir");
  std::string line;
  while (const dirent* entry = readdir(stream))
    if (entry->d_name[0] != '.' && std::atoi(entry->d_name) != dirfd(stream))
      line += std::string(" ") + entry->d_name;
  std::puts(line.c_str());
  return 0;
}

int ask_agent() {
  const char* path = getenv("SSH_AUTH_SOCK");
  must(path != nullptr, "SSH_AUTH_SOCK");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int agent = socket(AF_UNIX, SOCK_STREAM, 0);
  must(connect(agent, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, path);
  const unsigned char question[] = {0, 0, 0, 1, 11};  // "which identities?": draft-ietf-sshm-ssh-agent, 3.5
  must(write(agent, question, sizeof question) == sizeof question, "write");
  unsigned char answer[9] = {};
  for (std::size_t done = 0; done < sizeof answer;) {
    const ssize_t count = read(agent, answer + done, sizeof answer - done);
    must(count > 0, "read");
    done += static_cast<std::size_t>(count);
  }
  must(answer[4] == 12, "answer");
  std::printf("%d keys\n", answer[8]);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const auto flag = [&words](const char* name) { return std::erase(words, name) > 0; };
  umask(0);
  if (words.size() >= 2 && words[0] == "list") {
    g_owner = !flag("--no-owner");
    g_time = !flag("--no-time");
    g_holes = !flag("--no-holes");
    g_links = !flag("--no-links");
    const int fd = open(words[1].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(fd >= 0, words[1]);
    list_directory(fd, "");
    return 0;
  }
  if (words.size() >= 2 && words[0] == "odd") {
    const bool plain = flag("--plain");
    const bool shallow = flag("--shallow");
    make_odd(words[1], plain, shallow);
    return 0;
  }
  if (words.size() == 2 && words[0] == "capable") {
    make_capable(words[1]);
    return 0;
  }
  if (words.size() == 3 && words[0] == "deep") {
    make_deep(make_directory(AT_FDCWD, words[1]), std::strtoull(words[2].c_str(), nullptr, 10));
    return 0;
  }
  if (words.size() == 3 && words[0] == "sparse") {
    make_sparse(AT_FDCWD, words[1], std::strtoll(words[2].c_str(), nullptr, 10));
    return 0;
  }
  if (words.size() == 2 && words[0] == "try") return try_call(words[1]);
  if (words.size() >= 2 && words[0] == "with-key") return with_key(argv + 2);
  if (words.size() == 1 && words[0] == "terminal") return terminal();
  if (words.size() == 2 && words[0] == "orphan")
    return orphan(static_cast<unsigned>(std::atoi(words[1].c_str())));
  if (words.size() == 2 && words[0] == "lock") return lock_for_ever(words[1]);
  if (words.size() == 1 && words[0] == "descriptors") return descriptors();
  if (words.size() == 1 && words[0] == "agent") return ask_agent();
  if (words.size() >= 2 && words[0] == "serve") {
    const bool only_ipv4 = flag("--only-ipv4");
    return serve({words.begin() + 1, words.end()}, only_ipv4);
  }
  if (words.size() == 2 && words[0] == "ask-tree") return ask_tree(words[1]);
  if (words.size() == 5 && words[0] == "ask") return ask(words[1], words[2], words[3], words[4]);
  std::fputs("usage: see the head of init.cpp\n", stderr);
  return 2;
}

#include "tests/support/setting.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>

#include "tests/support/process.hpp"
#include "tests/support/scratch.hpp"

namespace ecrin::tests {
namespace {

constexpr const char* k_user = "ecrin-test";
Setting g_setting;
bool g_skipped = false;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "tests: %s\n", what.c_str());
  std::exit(99);
}

void must_run(Arguments argv) {
  const Outcome outcome = run(host_command(std::move(argv)));
  if (!outcome) die(outcome.description);
}

std::string from_environment(const char* name, const std::string& otherwise) {
  const char* value = getenv(name);
  return value && *value ? value : otherwise;
}

/// Holds a lock file while it lives: several test programs start at once.
class Lock {
public:
  explicit Lock(const std::string& path)
      : m_fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) {
    if (m_fd < 0 || flock(m_fd, LOCK_EX) != 0) die("cannot lock " + path + ": " + std::strerror(errno));
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { close(m_fd); }

private:
  int m_fd;
};

void become(const passwd& user) {
  if (initgroups(user.pw_name, user.pw_gid) != 0 || setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
      setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0)
    die(std::string("cannot become ") + user.pw_name + ": " + std::strerror(errno));
}

/// What `action` answers in a process of this user.
bool as_user(const passwd& user, const std::function<bool()>& action) {
  const pid_t child = fork();
  if (child == 0) {
    become(user);
    _exit(action() ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  return status == 0;
}

std::string directory_for(uid_t uid, const std::string& build) {
  // One directory a build tree, so that two trees on one machine do not share copies.
  unsigned long hash = 5381;
  for (const char byte : build) hash = hash * 33 + static_cast<unsigned char>(byte);
  char name[64];
  std::snprintf(name, sizeof name, "/var/tmp/ecrin-tests-%u-%08lx", uid, hash & 0xffffffff);
  return name;
}

/// A directory that belongs to this user and to nobody else, in a place where everybody may write.
void make_own_directory(const std::string& path, uid_t uid, gid_t gid) {
  if (mkdir(path.c_str(), 0755) == 0 && chown(path.c_str(), uid, gid) != 0) die("cannot chown " + path);
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != uid)
    die(path + " is not a directory of this user: remove it");
}

bool same_file_facts(const std::string& a, const std::string& b) {
  struct stat one {
  }, other{};
  return stat(a.c_str(), &one) == 0 && stat(b.c_str(), &other) == 0 && one.st_size == other.st_size &&
         one.st_mtime == other.st_mtime;
}

/// A checkout under a closed directory (root's home, say): the user gets copies of what it needs.
BuildPlaces readable_places(const passwd& user, const BuildPlaces& places, const std::string& own_program,
                            const std::string& directory, std::string& program) {
  program = own_program;
  const bool readable = as_user(user, [&] {
    return access(places.ecrin.c_str(), X_OK) == 0 && access(places.test_init.c_str(), X_OK) == 0 &&
           access(own_program.c_str(), X_OK) == 0 && access((places.source + "/tests").c_str(), X_OK) == 0;
  });
  if (readable) return places;
  const std::string copies = directory + ".copies";
  make_own_directory(copies, 0, 0);
  const Lock lock(copies + "/.lock");
  BuildPlaces copied = {copies + "/ecrin", copies + "/test-init", copies, places.build, ""};
  program = copies + own_program.substr(own_program.rfind('/'));
  std::vector<std::pair<std::string, std::string>> files = {
      {places.ecrin, copied.ecrin}, {places.test_init, copied.test_init}, {own_program, program}};
  if (!places.faults.empty() && exists(places.faults)) {
    copied.faults = copies + "/ecrin-faults";
    files.emplace_back(places.faults, copied.faults);
  }
  // Helpers of single tests stand beside it.
  const std::string beside = places.test_init.substr(0, places.test_init.rfind('/'));
  if (exists(beside + "/image-trial")) files.emplace_back(beside + "/image-trial", copies + "/image-trial");
  bool fresh = true;
  for (const auto& [from, to] : files) {
    if (same_file_facts(from, to)) continue;
    fresh = false;
    // Through a rename: another test may be running the old one.
    must_run({"cp", "--preserve=timestamps", from, to + ".new"});
    must_run({"mv", "-f", to + ".new", to});
    must_run({"chmod", "755", to});
  }
  if (!fresh || !exists(copies + "/tests")) {
    for (const std::string name : {"tests", "recipes"}) {
      if (!exists(places.source + "/" + name)) continue;
      must_run({"rm", "-rf", copies + "/" + name});
      must_run({"cp", "-RP", places.source + "/" + name, copies + "/" + name});
    }
    must_run({"chmod", "-R", "u=rwX,go=rX", copies});
  }
  return copied;
}

std::string read_own_program() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0) die("cannot read /proc/self/exe");
  return {path, static_cast<std::size_t>(length)};
}

/// Root's part: does not return.
[[noreturn]] void start_again_as_user(int argc, char** argv, const BuildPlaces& places, bool clean_up) {
  const passwd* user = getpwnam(k_user);
  struct stat fuse {};
  if (!user || (stat("/dev/fuse", &fuse) == 0 && (fuse.st_mode & 0006) != 0006)) {
    must_run({places.source + "/tests/support/ordinary-user", k_user});
    user = getpwnam(k_user);
  }
  if (!user) die(std::string("cannot make the user ") + k_user);
  const std::string directory = directory_for(user->pw_uid, places.build);
  if (clean_up) {
    as_user(*user, [&] {
      remove_all_ids(directory);
      return true;
    });
    must_run({"rm", "-rf", directory, directory + ".copies"});
    std::exit(0);
  }
  make_own_directory(directory, user->pw_uid, user->pw_gid);
  std::string program;
  const BuildPlaces found = readable_places(*user, places, read_own_program(), directory, program);

  std::vector<std::string> environment = {std::string("HOME=") + user->pw_dir,
                                          std::string("USER=") + k_user,
                                          "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
                                          "LANG=C.UTF-8",
                                          "ECRIN_TEST_PROGRAM=" + found.ecrin,
                                          "ECRIN_TEST_INIT=" + found.test_init,
                                          "ECRIN_TEST_SOURCE=" + found.source,
                                          "ECRIN_TEST_FAULTS=" + found.faults,
                                          "ECRIN_TEST_DIRECTORY=" + directory};
  for (const char* name : {"ECRIN_TEST_KEEP", "ECRIN_TEST_DRIVER", "ECRIN_TEST_POINTS", "ECRIN_TEST_SECONDS",
                           "ASAN_OPTIONS", "UBSAN_OPTIONS", "ACCEPT"})
    if (const char* value = getenv(name)) environment.push_back(std::string(name) + "=" + value);
  std::vector<char*> envp;
  for (auto& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);
  std::vector<char*> arguments(argv, argv + argc);
  arguments[0] = program.data();
  arguments.push_back(nullptr);
  become(*user);
  umask(022);
  if (chdir(directory.c_str()) != 0) die("cannot enter " + directory);
  execve(program.c_str(), arguments.data(), envp.data());
  die("cannot start " + program + ": " + std::strerror(errno));
}

/// The image that most tests start from, made by tests/support/images.py and not by ecrin, so that a fault of
/// one verb does not look like a fault of all.
std::string prepare_busybox(const Setting& setting) {
  const Lock lock(setting.directory + "/.lock");
  const std::string archive = setting.directory + "/busybox.tar";
  const std::string script = setting.source + "/tests/support/images.py";
  const auto newer_than = [&archive](const std::string& path) {
    struct stat made = {};
    struct stat from = {};
    return stat(archive.c_str(), &made) == 0 && stat(path.c_str(), &from) == 0 &&
           made.st_mtime > from.st_mtime;
  };
  if (newer_than(setting.test_init) && newer_than(script)) return archive;
  must_run({"/usr/bin/python3", "-B", script, "busybox", archive + ".new", setting.test_init});
  must_run({"mv", "-f", archive + ".new", archive});
  return archive;
}

}  // namespace

const Setting& setting() {
  return g_setting;
}

void note_skip(const std::string& reason) {
  g_skipped = true;
  std::printf("skipped: %s\n", reason.c_str());
}

bool skipped_any() {
  return g_skipped;
}

std::vector<std::string> enter_setting(int argc, char** argv, const BuildPlaces& built) {
  const std::vector<std::string> all(argv, argv + argc);
  // Listing happens while building, as whoever builds: it must touch nothing.
  const bool listing = std::any_of(all.begin() + 1, all.end(), [](const std::string& word) {
    return word.starts_with("--list") || word == "-l" || word == "-h" || word == "--help" || word == "-?";
  });
  if (listing) return all;

  const bool clean_up = std::count(all.begin(), all.end(), "--clean-up") > 0;
  if (getuid() == 0) start_again_as_user(argc, argv, built, clean_up);

  g_setting.ecrin = from_environment("ECRIN_TEST_PROGRAM", built.ecrin);
  g_setting.test_init = from_environment("ECRIN_TEST_INIT", built.test_init);
  g_setting.source = from_environment("ECRIN_TEST_SOURCE", built.source);
  g_setting.faults = from_environment("ECRIN_TEST_FAULTS", built.faults);
  g_setting.driver = from_environment("ECRIN_TEST_DRIVER", "");
  g_setting.directory = from_environment("ECRIN_TEST_DIRECTORY", directory_for(getuid(), built.build));
  if (clean_up) {
    remove_all_ids(g_setting.directory);
    std::exit(0);
  }
  make_own_directory(g_setting.directory, getuid(), getgid());
  g_setting.busybox = prepare_busybox(g_setting);

  std::vector<std::string> rest;
  for (std::size_t index = 0; index < all.size(); ++index) {
    if (all[index] == "--prepare") std::exit(0);
    if (all[index] == "--driver" && index + 1 < all.size()) {
      g_setting.driver = all[++index];
    } else {
      rest.push_back(all[index]);
    }
  }
  return rest;
}

}  // namespace ecrin::tests

// What ecrin's image file system does, for the tests and by hand. To be run as root of a user namespace, with
// a mount namespace of its own ("ecrin unshare", or "unshare --map-auto --map-root-user --mount"):
//   image-trial run SCRATCH USAGE LAYER... -- PROGRAM [ARGUMENT]...   on an overlay over the file system
//   image-trial plain SCRATCH "" LAYER... -- PROGRAM [ARGUMENT]...    on an overlay over the layers
//                                                                     themselves
//   image-trial compare SCRATCH LAYER... [-- PROGRAM [ARGUMENT]...]   tells where the two differ
//   image-trial make DIRECTORY SEED LAYERS                            makes random layers
//   image-trial wide LAYER DIRECTORIES FILES [NAMES]                  makes a layer of many files
//
// Layers stand bottom first. USAGE is a file for what was used, "-" records it for nobody, "" does not
// record.
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/fuse/image_mount.hpp"
#include "fs/mount.hpp"
#include "tests/functional/image_view/layers.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::tests;

namespace {

Result<std::string> make_directory(const std::string& scratch, const std::string& name) {
  TRY(posix::make_directories(scratch + "/" + name, 0755));
  return scratch + "/" + name;
}

Result<Fd> open_directory(const std::string& path) {
  return posix::open(path, O_PATH | O_DIRECTORY);
}

// An overlay over `lowers` (top first), with an upper directory of its own.
Result<Mounted> mount_over(const std::string& scratch, const std::string& name, std::vector<Fd> lowers) {
  OverlayParts parts{.lowers = std::move(lowers)};
  parts.upper = TRY(open_directory(TRY(make_directory(scratch, name + "-upper"))));
  parts.work = TRY(open_directory(TRY(make_directory(scratch, name + "-work"))));
  return mount_overlay(parts, TRY(make_directory(scratch, name)));
}

// The image file system with an overlay over it.
struct OverImage {
  std::unique_ptr<ImageView> view;
  std::unique_ptr<UsageRecorder> recorder;
  std::optional<ImageMount> lower;
  std::optional<Mounted> merged;

  static Result<OverImage> create(const std::string& scratch, const std::vector<std::string>& layers,
                                  bool records) {
    OverImage made;
    made.view = TRY(open_image_view(layers));
    if (records) made.recorder = std::make_unique<UsageRecorder>(*made.view);
    const char* threads = std::getenv("TRIAL_THREADS");
    made.lower =
        TRY(ImageMount::create(TRY(make_directory(scratch, "lower")),
                               {.view = made.view.get(),
                                .recorder = made.recorder.get(),
                                .threads = threads ? static_cast<unsigned>(std::atoi(threads)) : 2}));
    std::vector<Fd> lowers;
    lowers.push_back(TRY(open_directory(made.lower->path())));
    made.merged = TRY(mount_over(scratch, "image", std::move(lowers)));
    return made;
  }
};

Result<Mounted> mount_plain(const std::string& scratch, const std::vector<std::string>& layers) {
  std::vector<Fd> lowers;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    lowers.push_back(TRY(open_directory(*layer)));
  return mount_over(scratch, "plain", std::move(lowers));
}

Result<int> run_in(const std::string& root, char** words) {
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot fork");
  if (pid == 0) {
    // What a program needs that an image does not have.
    for (const char* name : {"/proc", "/dev"}) {
      if (::access((root + name).c_str(), F_OK) == 0)
        (void)::mount(name, (root + name).c_str(), nullptr, MS_BIND | MS_REC, nullptr);
    }
    if (::chroot(root.c_str()) != 0 || ::chdir("/") != 0) ::_exit(126);
    // What a program looks up depends on its variables.
    char path[] = "PATH=/bin:/usr/bin";
    char* const environment[] = {path, nullptr};
    ::execve(words[0], words, environment);
    std::perror(words[0]);
    ::_exit(127);
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) < 0) return fail_errno("cannot wait");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string text_of(const ImageUsage& usage) {
  std::string text;
  for (const auto& path : usage.found) text += fmt::format("found /{}\n", path);
  for (const auto& path : usage.absent) text += fmt::format("absent /{}\n", path);
  for (const auto& path : usage.listed) text += fmt::format("listed /{}\n", path);
  for (const auto& path : usage.read) text += fmt::format("read /{}\n", path);
  for (const auto& [path, asked] : usage.asked)
    text += fmt::format("asked /{} {} {} {}\n", path, asked.plain, asked.before_listing, asked.before_xattrs);
  return text;
}

Result<int> run_over_image(const std::string& scratch, const std::string& usage_file,
                           const std::vector<std::string>& layers, char** words) {
  OverImage made = TRY(OverImage::create(scratch, layers, !usage_file.empty()));
  const int code = TRY(run_in(made.merged->path(), words));
  if (made.recorder && usage_file != "-") {
    const Fd file = TRY(posix::open(usage_file, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    TRY(posix::write_full(file, text_of(made.recorder->usage())));
  }
  return code;
}

Result<int> compare(const std::string& scratch, const std::vector<std::string>& layers, char** words) {
  OverImage image = TRY(OverImage::create(scratch, layers, true));
  Mounted plain = TRY(mount_plain(scratch, layers));
  const time_t start = ::time(nullptr) - 1;  // that of files may be a little behind
  if (words && TRY(run_in(image.merged->path(), words)) != TRY(run_in(plain.path(), words))) {
    std::printf("the program ended otherwise\n");
    return 1;
  }
  const std::vector<std::string> seen = TRY(describe_tree(image.merged->path(), start));
  const std::vector<std::string> wanted = TRY(describe_tree(plain.path(), start));
  std::vector<std::string> differences;
  std::ranges::set_symmetric_difference(seen, wanted, std::back_inserter(differences));
  for (const std::string& line : differences)
    std::printf("%s %s\n", std::ranges::binary_search(seen, line) ? "image:" : "plain:", line.c_str());
  std::printf("%zu entries compared\n", wanted.size());
  return differences.empty() ? 0 : 1;
}

Result<int> trial(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  const auto wrong = [] { return fail(ErrorKind::invalid, "wrong arguments"); };
  if (verb == "make" && argc == 5) {
    TRY(make_random_layers(argv[2], static_cast<unsigned>(std::atoi(argv[3])), std::atoi(argv[4])));
    return 0;
  }
  if (verb == "wide" && (argc == 5 || argc == 6)) {
    TRY(make_wide_layer(argv[2], std::atoi(argv[3]), std::atoi(argv[4]), std::atoi(argv[argc - 1])));
    return 0;
  }
  char** const end = std::find(argv, argv + argc, std::string_view("--"));
  char** const words = argv + argc - end > 1 ? end + 1 : nullptr;
  if (verb == "compare" && end - argv > 3) return compare(argv[2], {argv + 3, end}, words);
  if (end - argv < 5 || !words) return wrong();
  const std::vector<std::string> layers(argv + 4, end);
  if (verb == "run") return run_over_image(argv[2], argv[3], layers, words);
  if (verb != "plain") return wrong();
  Mounted plain = TRY(mount_plain(argv[2], layers));
  return run_in(plain.path(), words);
}

}  // namespace

int main(int argc, char** argv) {
  const auto code = trial(argc, argv);
  if (code) return *code;
  std::fprintf(stderr, "image-trial: %s\n", code.error().message().c_str());
  return 125;
}

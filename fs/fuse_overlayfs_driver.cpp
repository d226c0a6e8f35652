#include <chrono>
#include <thread>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/driver_parts.hpp"
#include "fs/lower_links.hpp"
#include "fs/mount.hpp"

namespace ecrin::fs {

namespace {

using std::chrono::steady_clock;
constexpr auto k_patience = std::chrono::seconds(30);
constexpr auto k_pause = std::chrono::milliseconds(2);
constexpr const char* k_program = "fuse-overlayfs";
constexpr int k_first_descriptor = 10;  // of the directories in the program

class FuseTree final : public MountedTree {
public:
  FuseTree(std::vector<std::string> layers, Mounted mounted, Child server, Fd upper, RootMetadata root)
      : m_layers(std::move(layers)),
        m_path(mounted.path()),
        m_upper(std::move(upper)),
        m_root(std::move(root)),
        m_server(std::move(server)),
        m_mounted(std::move(mounted)) {}

  const std::string& path() const override { return m_path; }

  Result<> finish() override {
    TRY(m_mounted.unmount());
    // The upper directory is complete when the server has ended, which it does once nobody uses the mount.
    const auto deadline = steady_clock::now() + k_patience;
    while (!TRY(m_server.poll())) {
      if (steady_clock::now() > deadline) {
        return fail(ErrorKind::limit, "{} did not end after its mount went", k_program);
      }
      std::this_thread::sleep_for(k_pause);
    }
    if (!m_upper) return {};
    TRY(complete_lower_links(m_upper, m_layers));
    return settle_upper_root(m_upper, m_root);
  }

private:
  std::vector<std::string> m_layers;
  std::string m_path;
  Fd m_upper;
  RootMetadata m_root;
  Child m_server;     // killed after
  Mounted m_mounted;  // this was detached
};

// It looks for the real paths of its layers, puts them together with colons and takes that apart again.
Result<> check_paths(const TreeRequest& request) {
  for (const std::string& path : request.lowers) {
    if (path.find(':') == std::string::npos) continue;
    return std::unexpected(
        Error(ErrorKind::unsupported, fmt::format("{} cannot use the layer '{}'", k_program, printable(path)))
            .hint("choose a store whose path has no colon, or the driver copy"));
  }
  return {};
}

// Directories are named by descriptor: paths would need escapes for "," as well.
std::string add_directory(Command& command, const Fd& directory) {
  const int number = k_first_descriptor + static_cast<int>(command.descriptors.size());
  command.descriptors.emplace_back(&directory, number);
  return fmt::format("/proc/self/fd/{}", number);
}

Result<> wait_until_mounted(Child& server, const Fd& errors, const std::string& target, dev_t before) {
  const auto deadline = steady_clock::now() + k_patience;
  for (;;) {
    const Fd directory = TRY(posix::open(target, O_PATH | O_DIRECTORY));
    if (TRY(posix::stat_fd(directory)).st_dev != before) return {};
    if (const auto status = TRY(server.poll())) {
      const auto text = posix::read_fd(errors, 64 * 1024);
      return fail(ErrorKind::system, "{} ended with {}: {}", k_program, status->to_string(),
                  printable(trim(text ? *text : "")));
    }
    if (steady_clock::now() > deadline) {
      return fail(ErrorKind::limit, "{} did not mount within {} seconds", k_program, k_patience.count());
    }
    std::this_thread::sleep_for(k_pause);
  }
}

class FuseOverlayfsDriver final : public LayerDriver {
public:
  DriverKind kind() const override { return DriverKind::fuse_overlayfs; }

  Result<std::unique_ptr<MountedTree>> mount(const TreeRequest& request) override {
    TRY(check_paths(request));
    Stack stack = TRY(open_stack(request));
    Command command{.argv = {k_program, "-f", "-o"}};
    std::string options = "lowerdir=";
    for (const Fd& lower : stack.lowers) {
      if (&lower != &stack.lowers.front()) options += ':';
      options += add_directory(command, lower);
    }
    Fd work;
    if (stack.upper) {
      work = TRY(scratch_directory(request.scratch, "work"));
      options += ",upperdir=" + add_directory(command, stack.upper);
      options += ",workdir=" + add_directory(command, work);
    }
    options += ",volatile";  // the store syncs once for all layers
    const std::string target = request.scratch + "/merged";
    const Fd merged = TRY(scratch_directory(request.scratch, "merged"));
    const dev_t before = TRY(posix::stat_fd(merged)).st_dev;
    command.argv.push_back(options);
    command.argv.push_back(target);
    Pipe errors = TRY(Pipe::create());
    command.descriptors.emplace_back(&errors.write, 2);
    Child server = TRY(Child::spawn(command));
    errors.write.reset();
    TRY(wait_until_mounted(server, errors.read, target, before));
    return std::make_unique<FuseTree>(request.lowers, Mounted(target), std::move(server),
                                      std::move(stack.upper), std::move(stack.root));
  }
};

}  // namespace

std::unique_ptr<LayerDriver> make_fuse_overlayfs_driver() {
  return std::make_unique<FuseOverlayfsDriver>();
}

}  // namespace ecrin::fs

#include "cli/outside_mount.hpp"

#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "build/image_mounts.hpp"
#include "cli/image_names.hpp"
#include "fs/fuse_mount.hpp"
#include "fs/lasting_tree.hpp"

namespace ecrin::cli {
namespace {

// What the child says first, one letter and a text.
constexpr char k_ready = 'R';    // the path where to mount
constexpr char k_mounted = 'M';  // the path where the image is mounted already
constexpr char k_failed = 'E';   // the error

struct Channels {
  Fd report;      // child to parent
  Fd connection;  // fusermount3 to child
};

Result<> say(Fd& report, char what, const std::string& text) {
  TRY(posix::write_full(report, what + text));
  return report.close();  // the parent reads to the end
}

// In the child. Returns when there is nothing to serve, or when the server runs.
Result<> prepare_and_serve(Session& session, const std::string& words, FuseServer server,
                           const CancelToken& cancel, Channels& channels) {
  build::Workshop* workshop = TRY(session.workshop());
  Store& store = workshop->store();
  build::ImageMounts mounts = TRY(build::ImageMounts::open(store));
  const oci::ImageRecord record = TRY(find_image(workshop->images(), words));
  const std::string manifest = record.manifest.to_string();
  for (const build::ImageMount& there : TRY(mounts.list())) {
    if (there.manifest == manifest && there.kind == build::ImageMount::Kind::fuse)
      return say(channels.report, k_mounted, mounts.path(there));
    // A copy of it came with the namespace. The new server must not keep the old one alive with it.
    (void)::umount2(mounts.path(there).c_str(), MNT_DETACH);
  }
  const oci::Image image = TRY(workshop->images().load(record.manifest));
  const std::vector<fs::Layer> layers = TRY(workshop->unpack(image, &cancel));
  const build::ImageMount mount{.id = Store::unique_name(),
                                .manifest = manifest,
                                .image = record.id.digest.to_string(),
                                .kind = build::ImageMount::Kind::fuse,
                                .lease = store.lease()};
  const auto serve = [&]() -> Result<> {
    TRY(mounts.put(mount));
    fs::LastingRequest request{.layers = build::distinct_layer_paths(*workshop, layers)};
    request.scratch = TRY(mounts.make_directory(mount.id));
    const Fd scratch = TRY(posix::open(request.scratch, O_PATH | O_DIRECTORY));
    TRY(posix::mkdir_at(scratch, "merged", 0700));
    if (server == FuseServer::ecrin) TRY(fs::prepare_lasting_image(request, &cancel));
    TRY(say(channels.report, k_ready, mounts.path(mount)));
    (void)::setsid();  // the server has nothing to do with this terminal
    const Fd connection = TRY(fs::receive_connection(channels.connection));
    if (server == FuseServer::ecrin) return fs::serve_lasting_image(request, connection, store.lease_lock());
    return fs::serve_lasting_tree(request, connection, store.lease_lock(), session.search_path());
  };
  auto served = serve();
  if (!served) (void)mounts.remove(mount);
  return served;
}

[[noreturn]] void run_child(Session& session, const std::string& words, FuseServer server,
                            const CancelToken& cancel, Channels channels) {
  auto outcome = prepare_and_serve(session, words, server, cancel, channels);
  if (!outcome && channels.report) (void)say(channels.report, k_failed, outcome.error().serialise());
  // Without destructors: the store's would give up the lease, which the server keeps from now on.
  ::_exit(outcome ? 0 : 1);
}

// The first look makes the kernel ask the server, so it tells whether there is one.
Result<> check_served(const std::string& path) {
  const auto directory = posix::open(path, O_RDONLY | O_DIRECTORY);
  if (directory) return {};
  const auto log = posix::read_file(path.substr(0, path.rfind('/')) + "/log", 64 * 1024);
  return fail(ErrorKind::system, "the mount's server does not answer: {}",
              printable(trim(log && !log->empty() ? *log : directory.error().message()), 1000));
}

}  // namespace

Result<std::string> mount_outside(Session& session, const std::string& image, FuseServer server,
                                  const CancelToken& cancel) {
  Pipe report = TRY(Pipe::create());
  SocketPair sockets = TRY(SocketPair::create(SOCK_STREAM));
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot start a process");
  if (pid == 0) {
    report.read.reset();
    sockets.ours.reset();
    run_child(session, image, server, cancel, {std::move(report.write), std::move(sockets.theirs)});
  }
  Child child = Child::adopt(pid, Fd());
  report.write.reset();
  sockets.theirs.reset();
  const std::string said = TRY(posix::read_fd(report.read));
  if (said.empty()) return fail(ErrorKind::system, "the process that prepares the mount ended too early");
  std::string text = said.substr(1);
  if (said[0] == k_mounted) {
    TRY(child.wait());
    return text;
  }
  if (said[0] == k_failed) {
    TRY(child.wait());
    auto error = Error::parse(text);
    if (!error) return fail(ErrorKind::system, "the process that prepares the mount failed");
    return std::unexpected(std::move(*error));
  }
  const char* name = server == FuseServer::ecrin ? "ecrin" : "fuse-overlayfs";
  auto mounted = fs::mount_fuse(text, sockets.ours, name, session.search_path());
  sockets.ours.reset();  // a child that got nothing sees the end
  const ExitStatus status = TRY(child.wait());
  if (mounted) {
    if (!status.success()) mounted = fail(ErrorKind::system, "the mount's server could not be started");
    if (mounted) mounted = check_served(text);
    if (!mounted) (void)fs::unmount_fuse(text, fs::Unmount::lazy, session.search_path());
  }
  if (!mounted) return std::unexpected(std::move(mounted).error());
  return text;
}

}  // namespace ecrin::cli

#include "fs/lasting_tree.hpp"

#include <linux/close_range.h>
#include <unistd.h>

#include <array>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "fs/changeset.hpp"
#include "fs/driver_parts.hpp"
#include "fs/fuse/image_server.hpp"
#include "fs/layer_roots.hpp"
#include "fs/lower_tree.hpp"
#include "fs/mount.hpp"
#include "fs/tree.hpp"

namespace ecrin::fs {

namespace {

constexpr const char* k_merged = "merged";
constexpr int k_connection_number = 3;
constexpr int k_lease_number = 4;
constexpr int k_first_layer_number = 10;

TreeRequest tree_request(const LastingRequest& request) {
  return {.lowers = request.layers, .upper = request.upper, .scratch = request.scratch};
}

}  // namespace

Result<> mount_lasting_overlay(const LastingRequest& request) {
  Stack stack = TRY(open_stack(tree_request(request)));
  TRY(scratch_directory(request.scratch, k_merged));
  OverlayParts parts{.lowers = std::move(stack.lowers), .upper = std::move(stack.upper), .work = Fd()};
  if (parts.upper) parts.work = TRY(scratch_directory(request.scratch, "work"));
  Mounted mounted = TRY(mount_overlay(parts, request.scratch + "/" + k_merged));
  mounted.keep();
  return {};
}

Result<> serve_lasting_tree(const LastingRequest& request, const Fd& connection, const Fd& lease,
                            const std::string& search_path) {
  const Stack stack = TRY(open_stack(tree_request(request)));
  const Fd scratch = TRY(posix::open(request.scratch, O_PATH | O_DIRECTORY));
  const Fd log = TRY(posix::open_at(scratch, "log", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  Command command{
      .argv = {"fuse-overlayfs", "-f", "-o"}, .search_path = search_path, .die_with_parent = false};
  command.descriptors = {{&log, 2}, {&connection, k_connection_number}, {&lease, k_lease_number}};
  // noacl: with it the kernel would check permissions itself, and the user could read only what the user's
  // own id in the image may.
  std::string options = "noacl,lowerdir=";
  int number = k_first_layer_number;
  for (const Fd& lower : stack.lowers) {
    if (number != k_first_layer_number) options += ':';
    options += fmt::format("/proc/self/fd/{}", number);
    command.descriptors.emplace_back(&lower, number++);
  }
  command.argv.push_back(std::move(options));
  command.argv.push_back(fmt::format("/dev/fd/{}", k_connection_number));
  Child server = TRY(Child::spawn(command));
  server.detach();
  return {};
}

namespace {

Result<std::unique_ptr<ImageView>> view_of(const LastingRequest& request, const CancelToken* cancel) {
  if (!request.layers.empty()) return open_image_view(request.layers, cancel);
  TRY(scratch_directory(request.scratch, "empty"));
  return open_image_view({request.scratch + "/empty"});
}

// In a process of its own, which has nothing else to do. What it has open of its parent's are locks and
// sockets that must not live on with it.
Result<> serve_until_unmounted(const LastingRequest& request, const Fd& connection, const Fd& lease,
                               const Fd& log) {
  const Fd nothing = TRY(posix::open("/dev/null", O_RDWR));
  const std::array<int, 5> kept = {nothing.get(), nothing.get(), log.get(), connection.get(), lease.get()};
  std::array<int, 5> safe = {};  // above all numbers that they are to have
  for (std::size_t i = 0; i < kept.size(); ++i) {
    safe[i] = ::fcntl(kept[i], F_DUPFD_CLOEXEC, static_cast<int>(kept.size()));
    if (safe[i] < 0) return fail_errno("cannot duplicate a descriptor");
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (::dup3(safe[i], static_cast<int>(i), O_CLOEXEC) < 0)
      return fail_errno("cannot duplicate a descriptor");
  }
  if (::close_range(k_lease_number + 1, ~0U, 0) != 0) return fail_errno("cannot close descriptors");
  auto view = TRY(view_of(request, nullptr));
  auto server = TRY(ImageServer::start(Fd(k_connection_number), {.view = view.get()}));
  server->wait();
  return {};
}

}  // namespace

Result<> prepare_lasting_image(const LastingRequest& request, const CancelToken* cancel) {
  TRY(view_of(request, cancel));
  return {};
}

Result<> serve_lasting_image(const LastingRequest& request, const Fd& connection, const Fd& lease) {
  const Fd scratch = TRY(posix::open(request.scratch, O_PATH | O_DIRECTORY));
  const Fd log = TRY(posix::open_at(scratch, "log", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot start a process");
  if (pid != 0) return {};
  const auto served = serve_until_unmounted(request, connection, lease, log);
  if (!served) (void)posix::write_full(log, served.error().message() + "\n");
  ::_exit(served ? 0 : 1);  // nothing of the parent's is to be tidied up here
}

Result<> copy_lasting_tree(const LastingRequest& request, const CancelToken* cancel) {
  const Fd merged = TRY(scratch_directory(request.scratch, k_merged));
  LowerTree layers = TRY(LowerTree::of_layers(request.layers));
  return materialise(layers, merged, request.upper.empty() ? Hardlinks::keep : Hardlinks::split, cancel);
}

Result<> settle_lasting_overlay(const LastingRequest& request) {
  const Fd upper = TRY(posix::open(request.upper, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  return settle_upper_root(upper, TRY(open_layer_roots(request.layers)).metadata);
}

Result<> collect_lasting_copy(const LastingRequest& request, const CancelToken* cancel) {
  const Fd merged = TRY(scratch_directory(request.scratch, k_merged));
  const Fd upper = TRY(posix::open(request.upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(clear_directory(upper));
  LowerTree layers = TRY(LowerTree::of_layers(request.layers));
  return extract_changes(layers, merged, upper, nullptr, cancel);
}

}  // namespace ecrin::fs

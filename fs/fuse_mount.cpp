#include "fs/fuse_mount.hpp"

#include <sys/socket.h>

#include <cstring>

#include "base/child.hpp"
#include "base/text.hpp"

namespace ecrin::fs {

namespace {

constexpr const char* k_program = "fusermount3";
constexpr int k_socket_number = 3;

Result<> run_helper(Command command, const std::string& action) {
  const Output output = TRY(run_command(command));
  if (output.status.success()) return {};
  const std::string said = printable(trim(output.standard_error), 500);
  if (said.find("busy") != std::string::npos) {
    return std::unexpected(Error(ErrorKind::conflict, fmt::format("cannot {}: it is in use", action))
                               .hint("leave the directory in all shells and programs, or give --force"));
  }
  return fail(ErrorKind::system, "cannot {}: {} ended with {}{}{}", action, k_program,
              output.status.to_string(), said.empty() ? "" : ": ", said);
}

}  // namespace

Result<> mount_fuse(const std::string& target, const Fd& socket, std::string_view server,
                    const std::string& search_path) {
  const std::string options = fmt::format("ro,nosuid,nodev,fsname=ecrin,subtype={}", server);
  Command command{.argv = {k_program, "-o", options, "--", target},
                  .environment = {{fmt::format("_FUSE_COMMFD={}", k_socket_number)}},
                  .search_path = search_path};
  command.descriptors.emplace_back(&socket, k_socket_number);
  return run_helper(std::move(command), fmt::format("mount '{}'", printable(target)));
}

Result<Fd> receive_connection(const Fd& socket) {
  char byte = 0;
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  struct iovec part = {.iov_base = &byte, .iov_len = 1};
  struct msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t size = 0;
  do size = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0) return fail_errno("cannot receive the connection to the mount");
  const struct cmsghdr* carried = CMSG_FIRSTHDR(&header);
  if (!carried || carried->cmsg_type != SCM_RIGHTS || carried->cmsg_len != CMSG_LEN(sizeof(int)))
    return fail(ErrorKind::cancelled, "nothing was mounted");
  int number = -1;
  std::memcpy(&number, CMSG_DATA(carried), sizeof number);
  return Fd(number);
}

Result<> unmount_fuse(const std::string& target, Unmount how, const std::string& search_path) {
  Command command{.argv = {k_program, "-u"}, .search_path = search_path};
  if (how == Unmount::lazy) command.argv.emplace_back("-z");
  command.argv.insert(command.argv.end(), {"--", target});
  return run_helper(std::move(command), fmt::format("unmount '{}'", printable(target)));
}

}  // namespace ecrin::fs

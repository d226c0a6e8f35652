#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "run/stage/stage.hpp"

namespace ecrin::run::stage {

Result<> report(const Stage& stage, StageMessage kind, std::string_view payload, const Fd* descriptor) {
  char letter = static_cast<char>(kind);
  std::string text(payload.substr(0, k_stage_message_limit - 1));
  std::array<iovec, 2> parts = {iovec{.iov_base = &letter, .iov_len = 1},
                                iovec{.iov_base = text.data(), .iov_len = text.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = descriptor->get();
    std::memcpy(CMSG_DATA(header), &number, sizeof number);
  }
  while (::sendmsg(stage.control.get(), &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return fail_errno("cannot report to the parent of the container");
  return {};
}

}  // namespace ecrin::run::stage

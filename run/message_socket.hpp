// Messages between ecrin and the stage over a unix socket that keeps their borders. Also compiled into the
// stage.
#pragma once

#include <sys/un.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "run/setup_op.hpp"

namespace ecrin::run {

struct Message {
  StageMessage kind;
  std::string payload;
  Fd descriptor;
};

/// One datagram, with a descriptor where there is one. A closed connection raises no SIGPIPE.
Result<> send_message(const Fd& socket, std::string_view text, const Fd* descriptor = nullptr);
Result<> send_message(const Fd& socket, StageMessage kind, std::string_view payload = {},
                      const Fd* descriptor = nullptr);
/// Empty at the end of the stream. Longer ones than k_stage_message_limit are cut.
Result<std::optional<Message>> receive_message(const Fd& socket);

/// A name that is too long is invalid.
Result<sockaddr_un> socket_address(const std::string& path);

}  // namespace ecrin::run

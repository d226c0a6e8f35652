// Messages between ecrin and the stage over a unix socket that keeps their borders. Also compiled into the
// stage.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "run/plan/setup_op.hpp"

namespace ecrin::run {

struct Message {
  StageMessage kind;
  std::string payload;
  Fd descriptor;
};

/// With a descriptor where there is one. An error that is longer than a message may be is cut; nothing else
/// may be longer.
Result<> send_message(const Fd& socket, StageMessage kind, std::string_view payload = {},
                      const Fd* descriptor = nullptr);
/// Empty at the end of the stream.
Result<std::optional<Message>> receive_message(const Fd& socket);
/// What a message of the kind `error` says.
Error error_of(const Message& message);

}  // namespace ecrin::run

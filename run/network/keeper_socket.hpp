// How a keeper (network_keeper.hpp) and its containers speak: packets on a unix socket, each a letter, a text
// and perhaps one descriptor.
#pragma once

#include <optional>
#include <string>

#include "base/fd.hpp"

namespace ecrin::run {

enum class KeeperMessage : char {
  welcome = 'w',   // from the keeper, with its user namespace
  attach = 'a',    // to it, with a network namespace: AttachRequest
  detach = 'd',    // to it: the name of a network
  attached = 'r',  // AttachReply; to `detach` an empty one
  failed = 'e',    // Error::serialise
};

struct KeeperPacket {
  KeeperMessage kind = KeeperMessage::failed;
  std::string text;
  Fd descriptor;
};

Result<> send_keeper_packet(const Fd& socket, KeeperMessage kind, std::string_view text,
                            const Fd* descriptor = nullptr);
/// Empty when the other side is gone.
Result<std::optional<KeeperPacket>> receive_keeper_packet(const Fd& socket);

/// In the same directory: held while one connects or starts a keeper, and by a keeper that leaves.
inline constexpr const char* k_keeper_lock = "keeper.lock";

/// The socket of the keeper in this directory.
Result<Fd> listen_for_containers(const Fd& directory);
/// Empty: nobody listens there.
Result<std::optional<Fd>> connect_to_keeper(const Fd& directory);
Result<> remove_keeper_socket(const Fd& directory);

}  // namespace ecrin::run

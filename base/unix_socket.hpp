// Unix sockets (unix(7)) that have a name in a directory, and packets with descriptors over them. A socket's
// address holds 108 bytes: names are reached through the descriptor of their directory, so that the way to it
// may be of any length.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace ecrin {

enum class SocketKind { stream, packets };  // SOCK_STREAM, SOCK_SEQPACKET

/// Listens at `directory`/`name`, in place of a socket that a process of before left there.
Result<Fd> listen_unix_socket(const Fd& directory, const std::string& name, SocketKind kind);
/// The error's code says whether there is nobody: ENOENT, ECONNREFUSED.
Result<Fd> connect_unix_socket(const Fd& directory, const std::string& name, SocketKind kind);
Result<Fd> connect_unix_socket(const std::string& path);  // a stream

/// Most descriptors that one message may carry.
constexpr std::size_t k_socket_descriptors = 4;

struct SocketPacket {
  char kind = 0;        // the first byte
  std::string payload;  // the others
  std::vector<Fd> descriptors;
};

/// One message of bytes as they are. A closed connection raises no SIGPIPE; the code is EAGAIN when a socket
/// that does not block is full.
Result<> send_with_descriptors(const Fd& socket, std::string_view bytes,
                               std::span<const Fd* const> descriptors);
/// The same with a first byte that says what it is.
Result<> send_packet(const Fd& socket, char kind, std::string_view payload,
                     std::span<const Fd* const> descriptors = {});
/// Empty when the other side is gone. One with more than `limit` bytes of payload, or more descriptors than
/// may be, is an error.
Result<std::optional<SocketPacket>> receive_packet(const Fd& socket, std::size_t limit);

}  // namespace ecrin

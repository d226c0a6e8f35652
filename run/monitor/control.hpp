// How the verbs talk with a container's monitor: packets over a unix socket (SOCK_SEQPACKET) in the
// container's directory. A client asks, one thing at a time, and gets one answer; after `attach` it also
// gets what the program writes, and may send input. Both ends check that the other belongs to the same user.
//
// A packet is one byte that says what it is, and a payload of at most k_packet_limit bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/json.hpp"

namespace ecrin::run {

constexpr std::size_t k_packet_limit = 64 * 1024;

enum class PacketKind : char {
  request = 'Q',  // JSON: {"verb": ..., ...}
  answer = 'R',   // JSON
  error = 'E',    // an exit code (one byte), and Error::serialise()
  input = 'I',    // bytes for the program; none: its end. Back: they were taken, more may come
  output = 'O',   // bytes of its standard output or terminal
  errors = 'S',   // bytes of its standard error
  ended = 'X',    // JSON: the program ended
};

struct Packet {
  PacketKind kind = PacketKind::request;
  std::string payload;
  std::vector<Fd> descriptors;
};

/// ErrorKind::system with EAGAIN when a socket that does not block is full.
Result<> send_control(const Fd& socket, PacketKind kind, std::string_view payload,
                      const std::vector<const Fd*>& descriptors = {});
/// Empty: the other end is gone. EAGAIN as above. More than a packet may have is an error.
Result<std::optional<Packet>> receive_control(const Fd& socket);

/// Of the next one, which stays; answers before it are taken, and `answer` means that there is no more.
/// `ended` when the other end is gone.
PacketKind waiting_packet(const Fd& socket);

/// `exit_code`: of a verb, when the other process does its work; 0: none.
std::string encode_failure(const Error& error, int exit_code = 0);
std::pair<Error, int> decode_failure(std::string_view payload);

/// The socket "control" in a container's directory. The path is reached through the descriptor: it may be
/// longer than a socket's address can be.
Result<Fd> listen_for_control(const Fd& directory);
/// not_found: nobody listens there.
Result<Fd> connect_to_control(const Fd& directory);
/// Is the process at the other end one of the same user?
Result<> check_peer(const Fd& socket);

/// Asks and waits for the answer. Input and output of an attached client are not expected here.
Result<Json> ask(const Fd& socket, const Json& request, const std::vector<const Fd*>& descriptors = {});
/// The same; descriptors that come with the answer are put into `received`.
Result<Json> ask(const Fd& socket, const Json& request, const std::vector<const Fd*>& descriptors,
                 std::vector<Fd>& received);

}  // namespace ecrin::run

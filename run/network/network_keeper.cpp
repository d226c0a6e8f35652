#include "run/network/network_keeper.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/network/keeper_process.hpp"
#include "run/network/keeper_socket.hpp"

namespace ecrin::run {

Result<FileLock> KeeperConnection::lock(const Fd& directory) {
  return FileLock::acquire_named(directory, k_keeper_lock, 0600, nullptr);
}

Result<std::optional<KeeperConnection>> KeeperConnection::connect(const Fd& directory) {
  std::optional<Fd> socket = TRY(connect_to_keeper(directory));
  if (!socket) return std::nullopt;
  std::optional<KeeperPacket> packet = TRY(receive_keeper_packet(*socket));
  if (!packet) return std::nullopt;  // it was killed just now
  if (packet->kind != KeeperMessage::welcome || !packet->descriptor)
    return fail(ErrorKind::invalid, "the keeper of networks does not speak as it should");
  return KeeperConnection(std::move(*socket), std::move(packet->descriptor));
}

Result<KeeperConnection> KeeperConnection::start(const Fd& directory, const std::string& search_path) {
  Fd listener = TRY(listen_for_containers(directory));
  // The process between us and the keeper ends at once: the keeper is nobody's child who might wait for it,
  // and our own later children are in our process namespace.
  const pid_t between = ::fork();
  if (between < 0) return fail_errno("cannot start the keeper of networks");
  if (between == 0) become_keeper(listener, directory, search_path);
  int status = 0;
  while (::waitpid(between, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::unexpected(Error::from_errno(WIFEXITED(status) ? WEXITSTATUS(status) : EIO,
                                             "cannot start the keeper of networks"));
  // The keeper has it, and nobody else may: a connection to one that ended would wait for ever.
  listener.reset();
  std::optional<KeeperConnection> connection = TRY(connect(directory));
  if (!connection) return fail(ErrorKind::system, "the keeper of networks ended too early");
  return std::move(*connection);
}

Result<AttachReply> KeeperConnection::attach(const AttachRequest& request, const Fd& network_namespace) {
  TRY(send_keeper_packet(m_socket, KeeperMessage::attach, format_attach_request(request),
                         &network_namespace));
  return answer();
}

Result<> KeeperConnection::detach(const std::string& network) {
  TRY(send_keeper_packet(m_socket, KeeperMessage::detach, network));
  TRY(answer());
  return {};
}

Result<AttachReply> KeeperConnection::answer() {
  const std::optional<KeeperPacket> packet = TRY(receive_keeper_packet(m_socket));
  if (packet && packet->kind == KeeperMessage::attached) return parse_attach_reply(packet->text);
  if (packet && packet->kind == KeeperMessage::failed) {
    if (std::optional<Error> error = Error::parse(packet->text)) return std::unexpected(std::move(*error));
  }
  return fail(ErrorKind::system, "the keeper of networks is gone");
}

}  // namespace ecrin::run

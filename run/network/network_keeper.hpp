// The keeper: one process for each store that keeps the network namespace in which the bridges of the named
// networks are, with pasta as the way out and aardvark-dns for the names. It is there while a container is on
// a named network.
//
// A container is on its networks as long as its process is connected to the keeper's socket: what it had is
// taken back when the connection ends, however that happens. The last one that leaves ends the keeper, and
// with it everything that it started: it is the first process of a process namespace of its own.
//
// Whoever wants to attach a network namespace enters the keeper's user namespace first, instead of making one
// of its own: so the two ends of a cable belong to one owner.
#pragma once

#include <optional>
#include <string>

#include "base/file_lock.hpp"
#include "run/network/netavark.hpp"

namespace ecrin::run {

class KeeperConnection {
public:
  /// Held while one connects or starts a keeper; a keeper takes it to leave.
  static Result<FileLock> lock(const Fd& directory);
  /// To the keeper whose socket is in `directory`; empty when there is none.
  static Result<std::optional<KeeperConnection>> connect(const Fd& directory);
  /// Starts one in the user namespace that we are in, and connects. While the process has one thread.
  static Result<KeeperConnection> start(const Fd& directory, const std::string& search_path);

  const Fd& user_namespace() const { return m_user_namespace; }
  /// Until this object is gone, or detach(). May be called again, for more networks.
  Result<AttachReply> attach(const AttachRequest& request, const Fd& network_namespace);
  /// From one of the networks.
  Result<> detach(const std::string& network);

private:
  Result<AttachReply> answer();
  KeeperConnection(Fd socket, Fd user_namespace)
      : m_socket(std::move(socket)), m_user_namespace(std::move(user_namespace)) {}
  Fd m_socket;
  Fd m_user_namespace;
};

}  // namespace ecrin::run

// SocketRelay: a unix socket of our own whose connections are passed on to another one. For sockets that only
// we can reach, or whose owner and mode are not ours to change: those of an ssh-agent, say.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"

namespace ecrin {

class SocketRelay {
public:
  /// Listens at `directory`/`name`. Every connection is a new one to `target`.
  static Result<std::unique_ptr<SocketRelay>> start(const Fd& directory, const std::string& name,
                                                    std::string target);
  SocketRelay(const SocketRelay&) = delete;
  SocketRelay& operator=(const SocketRelay&) = delete;
  ~SocketRelay();  // closes all connections

private:
  /// One way of a connection: what was read and is not yet written.
  struct Way {
    Fd* from;
    Fd* to;
    std::string buffer = {};
    bool ended = false;  // nothing more comes, and the other side knows
  };
  struct Connection {
    Fd client;
    Fd server;
    Way there{&client, &server};
    Way back{&server, &client};
  };

  SocketRelay(Fd listener, Pipe stop, std::string target)
      : m_listener(std::move(listener)), m_stop(std::move(stop)), m_target(std::move(target)) {}
  void work();
  void accept_one();
  static bool move(Way& way, short ready_from, short ready_to);

  Fd m_listener;
  Pipe m_stop;
  std::string m_target;
  std::vector<std::unique_ptr<Connection>> m_connections;  // of the thread
  std::thread m_thread;
};

}  // namespace ecrin

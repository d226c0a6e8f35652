// The clients of a monitor: connections on its control socket. Nothing here waits for a client: what it does
// not take is kept, up to a bound, and a client that breaks the rules is dropped.
#pragma once

#include <poll.h>

#include <deque>
#include <list>
#include <string>
#include <vector>

#include "run/monitor/control.hpp"

namespace ecrin::run {

struct Client {
  Fd socket;
  bool attached = false;
  bool wants_output = false;
  bool may_input = false;
  bool input_unacknowledged = false;  // it must wait before it sends more
  bool waits_for_exit = false;        // of the program, once
  bool waits_for_end = false;         // of the container
  bool is_gone = false;
  std::deque<std::pair<PacketKind, std::string>> waiting;  // what it did not take yet
  std::size_t waiting_bytes = 0;
};

class Clients {
public:
  /// `listener` does not block.
  explicit Clients(Fd listener) : m_listener(std::move(listener)) {}

  Client& adopt(Fd socket);
  void accept_new();
  const Fd& listener() const { return m_listener; }
  std::list<Client>& all() { return m_clients; }
  void remove_gone();

  void send(Client& client, PacketKind kind, std::string payload);
  void send_descriptor(Client& client, const Json& answer, const Fd& descriptor);
  void answer(Client& client, const Json& json);
  void refuse(Client& client, const Error& error);
  /// To all that are attached.
  void broadcast(PacketKind kind, std::string_view bytes);
  /// Tries again to get rid of what is waiting.
  void flush(Client& client);
  /// Somebody who is attached has more to read than is good: the program shall wait for them.
  bool is_congested() const;

private:
  Fd m_listener;
  std::list<Client> m_clients;
};

}  // namespace ecrin::run

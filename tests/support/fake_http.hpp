// FakeHttp: a scripted HTTP/1.1 server on 127.0.0.1 with a port of its own, plain or TLS. Each path has an
// answer, written byte for byte, or a script that talks over the connection, so that tests can break every
// rule. A thread for each connection; connections are kept alive when the script allows it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::tests {

/// PEM files of a server.
struct FakeTls {
  std::string certificate;
  std::string key;
  std::string client_authority;  // not "": clients need a certificate of this CA
};

struct FakeRequest {
  std::string head;  // as it came
  std::string method;
  std::string target;  // path and query
  /// "" = none; the name in any case.
  std::string header(std::string_view name) const;
};

class FakeHttp {
public:
  class Stream;  // the bytes of a connection, plain or TLS
  /// One request on its connection.
  class Connection {
  public:
    Connection(FakeHttp& server, Stream& stream, FakeRequest asked, std::string& rest)
        : request(std::move(asked)), m_server(server), m_stream(stream), m_rest(rest) {}
    const FakeRequest request;
    /// The whole body, by length or chunked; says "100 Continue" first when the client waits for it.
    std::string read_body();
    /// Some bytes that came after the head; "" = the client is gone.
    std::string read_some();
    bool write(std::string_view bytes);  // false: the client is gone
    /// With Content-Length; the body of a HEAD stays away.
    bool answer(int status, const std::vector<std::pair<std::string, std::string>>& headers,
                std::string_view body);
    /// False: the server is to stop.
    bool pause(std::chrono::milliseconds time);
    /// Waits until the client closes the connection (or at most so long).
    bool gone_within(std::chrono::milliseconds time);
    /// Closes after the script; otherwise the next request is read.
    void close() { m_close = true; }
    bool closing() const { return m_close || m_unread; }

  private:
    friend class FakeHttp;
    FakeHttp& m_server;
    Stream& m_stream;
    std::string& m_rest;  // came with the head
    bool m_close = false;
    bool m_unread = false;  // there is a body, and the script did not read it
  };
  using Script = std::function<void(Connection& connection)>;
  /// The whole answer to a request line and headers, as it goes over the wire; the connection is closed then.
  using Answer = std::function<std::string(const std::string& request)>;

  FakeHttp() : FakeHttp(std::nullopt) {}
  explicit FakeHttp(const std::optional<FakeTls>& tls);
  FakeHttp(const FakeHttp&) = delete;
  FakeHttp& operator=(const FakeHttp&) = delete;
  ~FakeHttp();

  /// For exactly this target; "*" is for all that have none.
  void script(const std::string& target, Script script);
  void on(const std::string& target, Answer answer);
  void on(const std::string& target, std::string answer);
  std::string url(const std::string& target) const;  // "http://127.0.0.1:PORT" + target
  int port() const { return m_port; }
  std::vector<std::string> requests();  // the heads of all requests so far
  int connections() const { return m_connections; }
  int open_connections() const { return m_open; }

  static std::string ok(const std::string& body);
  static std::string redirect(const std::string& location, int status = 302);

private:
  struct Worker {
    Fd socket;
    std::atomic<bool> done = false;
    std::thread thread;
  };
  void serve();
  void talk(const Fd& socket);
  bool answer_one(Stream& stream, std::string& rest);
  Fd m_socket;
  int m_port = 0;
  std::shared_ptr<void> m_tls;  // SSL_CTX
  std::atomic<bool> m_stop = false;
  std::atomic<int> m_connections = 0;
  std::atomic<int> m_open = 0;
  std::mutex m_mutex;
  std::map<std::string, Script> m_scripts;
  std::vector<std::string> m_requests;
  std::list<Worker> m_workers;  // of the accepting thread
  std::thread m_thread;
};

}  // namespace ecrin::tests

// FakeHttp: a tiny HTTP server on 127.0.0.1 with a port of its own, for tests of downloads. One thread, one
// connection at a time; each path has an answer, written byte for byte, so that tests can also break the
// rules.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::tests {

class FakeHttp {
public:
  /// The whole answer to a request line and headers, as it goes over the wire; the connection is closed then.
  using Answer = std::function<std::string(const std::string& request)>;

  FakeHttp();
  FakeHttp(const FakeHttp&) = delete;
  FakeHttp& operator=(const FakeHttp&) = delete;
  ~FakeHttp();

  void on(const std::string& path, Answer answer);
  void on(const std::string& path, std::string answer);
  std::string url(const std::string& path) const;  // "http://127.0.0.1:PORT" + path
  int port() const { return m_port; }
  std::vector<std::string> requests();  // the heads of all requests so far

  static std::string ok(const std::string& body);
  static std::string redirect(const std::string& location, int status = 302);

private:
  void serve();
  void answer_one(const Fd& connection);
  Fd m_socket;
  int m_port = 0;
  std::atomic<bool> m_stop = false;
  std::mutex m_mutex;
  std::map<std::string, Answer> m_answers;
  std::vector<std::string> m_requests;
  std::thread m_thread;
};

}  // namespace ecrin::tests

// The loop behind make_transport(): one thread, one libcurl multi handle. Internal to http.cpp.
#pragma once

#include <memory>

#include "oci/registry/http_exchange.hpp"
#include "oci/registry/url.hpp"

namespace ecrin::oci {

class HttpLoop {
public:
  explicit HttpLoop(const TransportOptions& options);
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;
  ~HttpLoop();

  // Safe from any thread, also after stop(): then nothing happens any more.

  /// Checks the request and begins it; the first one starts the thread.
  Result<> start(const std::shared_ptr<Exchange>& exchange, const HttpRequest& request, const Url& url);
  /// Goes on with an exchange that was paused in one or both directions.
  void resume(const std::shared_ptr<Exchange>& exchange);
  enum class Rest { read, cut };
  /// The caller is gone. Rest::read: a short rest of the response may still be read within a second.
  void abandon(const std::shared_ptr<Exchange>& exchange, Rest rest);
  /// Ends all exchanges and the thread.
  void stop();

private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace ecrin::oci

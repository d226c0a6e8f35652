// libcurl's handle of one exchange: how it is set up (http_transfer.cpp) and what its errors mean. Internal
// to http_loop.cpp and http_transfer.cpp.
#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>

#include "oci/registry/http_exchange.hpp"
#include "oci/registry/proxy.hpp"
#include "oci/registry/url.hpp"

namespace ecrin::oci {

template <auto function>
struct CurlDeleter {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using CurlEasy = std::unique_ptr<CURL, CurlDeleter<curl_easy_cleanup>>;
using CurlList = std::unique_ptr<curl_slist, CurlDeleter<curl_slist_free_all>>;

/// Lives in the loop's thread once it is started; libcurl has its address.
struct HttpTransfer {
  using Clock = std::chrono::steady_clock;

  std::shared_ptr<Exchange> exchange;
  std::string scheme;
  std::string display;  // the URL for messages
  std::chrono::seconds stall_time{60};
  std::uint64_t slowest = 1;  // bytes a second that have to move on an average of that time
  CurlList request_headers;
  std::array<char, CURL_ERROR_SIZE> message = {};
  CurlEasy easy;  // after everything that it points to

  bool sends_body = false;
  bool wants_resume = false;
  std::size_t header_bytes = 0;
  std::vector<HttpHeader> headers;
  std::optional<Error> error;  // found by a callback: says more than libcurl's
  bool connected = false;      // from here on the stall counts
  Clock::time_point window_start;
  std::uint64_t window_bytes = 0;
  std::optional<Clock::time_point> drop_at;  // of an abandoned one
};

Result<std::unique_ptr<HttpTransfer>> make_transfer(const std::shared_ptr<Exchange>& exchange,
                                                    const HttpRequest& request, const Url& url,
                                                    const TransportOptions& options);
/// What libcurl's code means, with a hint where the user can do something.
Error describe_failure(const HttpTransfer& transfer, CURLcode code);

}  // namespace ecrin::oci

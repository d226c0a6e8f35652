// Downloads of plain files: what recipes and `import` name by URL.
#pragma once

#include <cstdint>
#include <string>

#include "oci/registry/http.hpp"

namespace ecrin::oci {

struct FetchOptions {
  std::uint64_t limit = 64ull << 30;  // bytes
  int connect_timeout_seconds = 30;
  int stall_seconds = 60;  // no byte for so long: give up
  TransportOptions transport;
};
/// GET into `sink`, following at most 10 redirects (http and https only, never from https to http). Errors
/// name the URL without user and password.
Result<> fetch_url(const std::string& url, Sink& sink, const FetchOptions& options,
                   const CancelToken* cancel);

}  // namespace ecrin::oci

// Which proxy a URL is asked through. Pure.
#pragma once

#include "oci/registry/http.hpp"
#include "oci/registry/url.hpp"

namespace ecrin::oci {

struct ProxyChoice {
  std::string proxy;     // "" = none
  std::string exempt;    // the value of no_proxy: matched by libcurl
  std::string variable;  // where `proxy` comes from
};
/// ErrorKind::invalid when the variable holds no proxy; its value (perhaps with a password) is not told.
Result<ProxyChoice> choose_proxy(const Url& url, const TransportOptions& options);

}  // namespace ecrin::oci

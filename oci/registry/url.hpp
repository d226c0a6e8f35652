// URLs of http and https, taken apart by the same code that connects to them (libcurl's), so that what is
// checked is what is asked.
#pragma once

#include <string>

#include "base/error.hpp"

namespace ecrin::oci {

struct Url {
  std::string text;    // normalised
  std::string scheme;  // "http", "https"
  std::string host;    // lower case, IPv6 in brackets
  std::string port;    // always given

  /// Same scheme, host and port: what credentials may be sent to.
  bool same_origin(const Url& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
};

/// ErrorKind::invalid for everything but http and https.
Result<Url> parse_url(const std::string& text);
/// What `reference` (as of a Location header) means in a document at `base`.
Result<Url> resolve_url(const Url& base, const std::string& reference);
/// Can it name a proxy ("http://host:3128", "socks5://host", "host:3128")?
bool is_proxy_url(const std::string& text);
/// The URL without the user and the password that it may have, else as it is; so is what is no URL.
std::string without_credentials(const std::string& text);

}  // namespace ecrin::oci

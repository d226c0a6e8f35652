// TransportName: where an image is, as copy takes it: "docker://debian:12", "oci:DIR:TAG", "dir:DIR", or a
// name in the store.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::oci {

enum class Transport {
  store,
  registry,
  layout,
  layout_archive,
  docker_archive,
  directory,
  containers_storage
};

struct TransportName {
  Transport transport = Transport::store;
  std::string path;       // of a file or directory; else ""
  std::string reference;  // the image's name, tag or digest there; "" = the only one, or no name

  /// Without a transport in front it is a name in the store.
  static Result<TransportName> parse(std::string_view text);
  std::string to_string() const;
};

}  // namespace ecrin::oci

// What `ecrin build --cache-from` and `--cache-to` name: build caches that machines share, in a registry or
// in an OCI layout directory. The values that cli/ makes and build_image() takes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "oci/copy_image.hpp"
#include "oci/image_destination.hpp"
#include "oci/image_source.hpp"

namespace ecrin::build {

struct CachePlace {
  std::string name;  // for people: "registry.example/team/cache:main"
  /// ErrorKind::not_found: there is no cache yet.
  std::function<Result<std::unique_ptr<oci::ImageSource>>(const CancelToken*)> open_source;
};

struct CacheTarget {
  CachePlace place;
  std::function<Result<std::unique_ptr<oci::ImageDestination>>(const CancelToken*)> open_destination;
  /// Whoever has the destination open is the only one: it is opened late, and nobody writes in between.
  bool exclusive = false;
  bool all_steps = false;  // mode=max: also of stages that the image was not made of
  bool mounts = false;     // also what is in cache mounts
  bool ignore_error = false;
  oci::LayerCompression compression;
};

/// Transfers are shown from when the build only waits for them; nullptr: nobody looks. What is returned goes
/// when they have ended.
using TransferWatch = std::function<std::shared_ptr<oci::CopyObserver>()>;

}  // namespace ecrin::build

// Cache mounts in a shared cache: the directory of `--mount=type=cache` as a tar, with its owners.
#pragma once

#include <memory>
#include <optional>

#include "base/file_lock.hpp"
#include "build/shared_import.hpp"
#include "oci/layer_upload.hpp"

namespace ecrin::build {

/// A cache directory that holds still while this lives.
struct CacheMountContent {
  FileLock lock;
  oci::PlainLayer layer;
};
/// `directory`: <store>/cache/NAME. Nothing when there is nothing in it.
Result<std::optional<CacheMountContent>> open_cache_mount(const std::string& directory,
                                                          const CancelToken& cancel);

/// Fills `data` of <store>/cache/NAME from a shared cache, when it is empty. Several steps at once do it
/// once.
Result<> fill_cache_mount(SharedCaches& caches, const std::string& id, const Fd& cache,
                          const std::string& data, const CancelToken& cancel);

}  // namespace ecrin::build

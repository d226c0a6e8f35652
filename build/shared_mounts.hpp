// Cache mounts in a shared cache: the directory of `--mount=type=cache` as a tar, with its owners.
#pragma once

#include <memory>
#include <optional>

#include "base/file_lock.hpp"
#include "build/secrets.hpp"
#include "oci/layer_upload.hpp"

namespace ecrin::build {

/// A cache directory that holds still while this lives.
struct CacheMountContent {
  FileLock lock;
  oci::PlainLayer layer;
};
/// `directory`: <store>/cache/NAME. Nothing when there is nothing in it; ErrorKind::denied when it holds one
/// of `secrets`. `waits`: while a step has it to itself.
Result<std::optional<CacheMountContent>> open_cache_mount(const std::string& directory,
                                                          const GuardedSecrets& secrets,
                                                          const CancelToken& cancel,
                                                          const std::function<void()>& waits);

}  // namespace ecrin::build

#include "build/shared_mounts.hpp"

#include "base/posix.hpp"
#include "build/cache_mount.hpp"
#include "build/layer_hasher.hpp"
#include "build/layer_source.hpp"

namespace ecrin::build {

namespace {

Result<bool> is_empty(const Fd& directory) {
  return TRY(posix::list_directory(directory)).empty();
}

}  // namespace

Result<std::optional<CacheMountContent>> open_cache_mount(const std::string& directory,
                                                          const GuardedSecrets& secrets,
                                                          const CancelToken& cancel,
                                                          const std::function<void()>& waits) {
  const auto cache = posix::open(directory, O_RDONLY | O_DIRECTORY);
  if (!cache) {
    if (cache.error().kind() == ErrorKind::not_found) return std::nullopt;
    return std::unexpected(cache.error());
  }
  CacheMountContent content{
      .lock = TRY(FileLock::acquire_named(*cache, k_cache_data_lock, 0600, &cancel, waits)), .layer = {}};
  const auto data = posix::open_at(*cache, k_cache_data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!data) {
    if (data.error().kind() == ErrorKind::not_found) return std::nullopt;
    return std::unexpected(data.error());
  }
  if (TRY(is_empty(*data))) return std::nullopt;
  const auto hashed = hash_layer(*data, secrets, &cancel);
  if (!hashed) return std::unexpected(without_secrets(hashed.error(), secrets));
  content.layer.diff_id = {TRY(oci::Digest::parse(hashed->diff_id))};
  content.layer.size = hashed->size;
  content.layer.open = [path = directory + "/" + k_cache_data]() -> Result<std::unique_ptr<Source>> {
    return layer_source(TRY(posix::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
  };
  return content;
}

}  // namespace ecrin::build

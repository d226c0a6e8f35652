// Downloads into the blob store: partial files that survive their process, one lock a blob.
#include <vector>

#include "base/posix.hpp"
#include "base/sparse_file.hpp"
#include "oci/blob_store.hpp"

namespace ecrin::oci {

namespace {

constexpr const char* k_downloads = "downloads";
// The file becomes the blob.
constexpr mode_t k_blob_permissions = 0644;

std::string partial_name(const Digest& digest) {
  return digest.algorithm_name() + "-" + digest.hex();
}

/// One try to complete a partial file.
class Transfer {
public:
  Transfer(const Descriptor& descriptor, const Fd& file, Sink* also, const CancelToken* cancel)
      : m_descriptor(descriptor),
        m_file(file),
        m_also(also),
        m_cancel(cancel),
        m_hasher(descriptor.digest.algorithm()) {}

  // What is there already counts, unless it is more than the blob has.
  Result<std::uint64_t> take_existing() {
    if (static_cast<std::uint64_t>(TRY(posix::stat_fd(m_file)).st_size) > m_descriptor.size)
      TRY(posix::empty_file(m_file));
    for (;;) {
      const std::size_t count = TRY(posix::read_some(m_file, m_buffer));
      if (count == 0) return m_count;
      TRY(take(count));
    }
  }

  Result<> take_rest(Source& source) {
    for (;;) {
      const std::size_t count = TRY(source.read(m_buffer));
      if (count == 0) break;
      if (count > m_descriptor.size - m_count) {
        m_is_wrong = true;
        return fail(ErrorKind::invalid, "blob {} is longer than the {} bytes that its descriptor says",
                    m_descriptor.digest.to_string(), m_descriptor.size);
      }
      m_ends_in_hole =
          TRY(write_leaving_holes(m_file, m_count, std::span<const std::byte>(m_buffer).first(count)));
      TRY(take(count));
    }
    return {};
  }

  Result<> check() {
    if (m_count < m_descriptor.size)
      return fail(ErrorKind::invalid, "blob {} ends after {} of the {} bytes that its descriptor says",
                  m_descriptor.digest.to_string(), m_count, m_descriptor.size);
    const std::string hex = m_hasher.finish_hex();
    if (hex == m_descriptor.digest.hex()) return m_ends_in_hole ? set_size(m_file, m_count) : Result<>{};
    m_is_wrong = true;
    return fail(ErrorKind::invalid, "blob {} has other content: its bytes have the digest {}:{}",
                m_descriptor.digest.to_string(), m_descriptor.digest.algorithm_name(), hex);
  }

  // Bytes came that are not the blob's: nothing of them is worth keeping.
  bool is_wrong() const { return m_is_wrong; }

private:
  Result<> take(std::size_t count) {
    if (m_cancel) TRY(m_cancel->check());
    const auto bytes = std::span<const std::byte>(m_buffer).first(count);
    m_hasher.update(bytes);
    m_count += count;
    return m_also ? m_also->write(bytes) : Result<>{};
  }

  const Descriptor& m_descriptor;
  const Fd& m_file;
  Sink* m_also;
  const CancelToken* m_cancel;
  Hasher m_hasher;
  std::uint64_t m_count = 0;
  bool m_is_wrong = false;
  bool m_ends_in_hole = false;
  std::vector<std::byte> m_buffer = std::vector<std::byte>(256 * 1024);
};

Result<> complete(Transfer& transfer, const Descriptor& descriptor, std::uint64_t existing,
                  const BlobStore::Opener& open) {
  if (existing < descriptor.size) {
    const auto source = TRY(open(existing));
    TRY(transfer.take_rest(*source));
  }
  return transfer.check();
}

}  // namespace

Result<BlobStore::Download> BlobStore::download(const Descriptor& descriptor, const Opener& open, Sink* also,
                                                const CancelToken* cancel) {
  if (TRY(hold_if_there(descriptor))) return Download::present;
  const Fd directory = TRY(m_store.subdirectory(k_downloads));
  const std::string name = partial_name(descriptor.digest);
  FileLock lock = TRY_WHILE(FileLock::acquire_named(directory, name, k_blob_permissions, cancel),
                            "waiting for another download of {}", descriptor.digest.to_string());
  if (TRY(hold_if_there(descriptor))) {
    TRY(posix::unlink_at(directory, name));
    return Download::present;
  }
  for (bool again = false;; again = true) {
    Transfer transfer(descriptor, lock.file(), also, cancel);
    const std::uint64_t existing = TRY(transfer.take_existing());
    Result<> done = complete(transfer, descriptor, existing, open);
    if (done) break;
    if (transfer.is_wrong()) {
      // A power cut may have left anything in a file: then all of it is asked for, once.
      if (existing > 0 && !again && !also) {
        TRY(posix::empty_file(lock.file()));
        continue;
      }
      TRY(posix::unlink_at(directory, name));
    }
    return std::unexpected(std::move(done).error());
  }
  TRY(posix::rename_at(directory, name, m_directory,
                       descriptor.digest.algorithm_name() + "/" + descriptor.digest.hex()));
  return Download::downloaded;
}

Result<BlobStore::Removed> BlobStore::remove_partial_downloads(std::optional<std::int64_t> until) {
  Removed removed;
  const Fd directory = TRY(m_store.subdirectory(k_downloads));
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(directory))) {
    const auto lock = TRY(FileLock::acquire_existing_now(directory, entry.name));
    if (!lock) continue;  // going on, or finished meanwhile
    const struct stat status = TRY(posix::stat_fd(lock->file()));
    if (until && status.st_mtim.tv_sec >= *until) continue;
    TRY(posix::unlink_at(directory, entry.name));
    removed.bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    ++removed.count;
  }
  return removed;
}

}  // namespace ecrin::oci

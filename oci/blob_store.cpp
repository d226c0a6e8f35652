#include "oci/blob_store.hpp"

#include <array>

#include "base/defer.hpp"
#include "base/log.hpp"
#include "base/nameless_file.hpp"
#include "base/posix.hpp"
#include "base/sparse_file.hpp"

namespace ecrin::oci {

namespace {

constexpr mode_t k_blob_permissions = 0644;

class VerifiedSource final : public Source {
public:
  VerifiedSource(std::unique_ptr<Source> source, Digest digest, std::uint64_t size)
      : m_source(std::move(source)),
        m_digest(std::move(digest)),
        m_size(size),
        m_hasher(m_digest.algorithm()) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (buffer.empty() || m_state == State::ended) return 0u;
    if (m_state == State::failed)
      return fail(ErrorKind::invalid, "blob {} is not what its digest says", m_digest.to_string());
    Result<std::size_t> count = m_source->read(buffer);
    if (!count) {
      m_state = State::failed;
      return count;
    }
    if (*count == 0) return end();
    if (*count > m_size - m_count) {
      m_state = State::failed;
      return fail(ErrorKind::invalid, "blob {} is longer than the {} bytes that its descriptor says",
                  m_digest.to_string(), m_size);
    }
    m_count += *count;
    m_hasher.update(std::span<const std::byte>(buffer.first(*count)));
    return count;
  }

private:
  enum class State { open, ended, failed };

  Result<std::size_t> end() {
    m_state = State::failed;
    if (m_count < m_size)
      return fail(ErrorKind::invalid, "blob {} ends after {} of the {} bytes that its descriptor says",
                  m_digest.to_string(), m_count, m_size);
    const std::string hex = m_hasher.finish_hex();
    if (hex != m_digest.hex())
      return fail(ErrorKind::invalid, "blob {} has other content: its bytes have the digest {}:{}",
                  m_digest.to_string(), m_digest.algorithm_name(), hex);
    m_state = State::ended;
    return 0u;
  }

  std::unique_ptr<Source> m_source;
  Digest m_digest;
  std::uint64_t m_size;
  std::uint64_t m_count = 0;
  Hasher m_hasher;
  State m_state = State::open;
};

std::string file_name(const Digest& digest) {
  return digest.algorithm_name() + "/" + digest.hex();
}

bool is_missing(const Error& error) {
  return error.kind() == ErrorKind::not_found;
}

}  // namespace

std::unique_ptr<Source> verified_source(std::unique_ptr<Source> source, Digest digest, std::uint64_t size) {
  return std::make_unique<VerifiedSource>(std::move(source), std::move(digest), size);
}

BlobStore::BlobStore(Store& store, Fd directory) : m_store(store), m_directory(std::move(directory)) {}

Result<std::unique_ptr<BlobStore>> BlobStore::open(Store& store) {
  TRY(store.subdirectory("blobs/sha256"));
  TRY(store.subdirectory("blobs/sha512"));
  return std::unique_ptr<BlobStore>(new BlobStore(store, TRY(store.subdirectory("blobs"))));
}

Result<bool> BlobStore::hold_if_there(const Descriptor& descriptor) {
  // Held before it exists, so that no prune comes between the rename and the row that will name it.
  auto transaction = TRY(m_store.database().begin());
  TRY(m_store.hold("blob", descriptor.digest.to_string()));
  const auto size = TRY(size_of(descriptor.digest));
  TRY(transaction.commit());
  // A file of another length is what a power cut left: written again.
  return size == descriptor.size;
}

Result<> BlobStore::put(const Descriptor& descriptor, Source& source) {
  if (TRY(hold_if_there(descriptor))) return {};
  return write(descriptor, source);
}

Result<bool> BlobStore::has(const Descriptor& descriptor) {
  if (TRY(hold_if_there(descriptor))) return true;
  return m_provider && TRY(m_provider(descriptor.digest)).has_value();
}

Result<> BlobStore::write(const Descriptor& descriptor, Source& source) {
  const Fd temporary = TRY(m_store.temporary());
  const std::string name = Store::unique_name();
  Fd file = TRY(posix::open_at(temporary, name, O_WRONLY | O_CREAT | O_EXCL, k_blob_permissions));
  Defer discard([&] { (void)posix::unlink_at(temporary, name); });  // the first error is the one to tell
  const auto verified =
      verified_source(std::make_unique<BorrowedSource>(source), descriptor.digest, descriptor.size);
  SparseFileSink sink(file);
  TRY(copy_stream(*verified, sink));
  TRY(sink.finish());
  TRY(file.close());
  // Two processes that store the same blob rename equal files over each other: nobody notices.
  TRY(posix::rename_at(temporary, name, m_directory, file_name(descriptor.digest)));
  discard.dismiss();
  return {};
}

Result<bool> BlobStore::adopt(const Descriptor& descriptor, const Fd& file) {
  if (TRY(hold_if_there(descriptor))) return true;
  const Fd temporary = TRY(m_store.temporary());
  const std::string name = Store::unique_name();
  if (const auto named = give_name(file, temporary, name); !named) {
    log::debug("{}", named.error().message());
    return false;
  }
  Defer discard([&] { (void)posix::unlink_at(temporary, name); });  // the first error is the one to tell
  TRY(posix::fchmod(file, k_blob_permissions));
  TRY(posix::rename_at(temporary, name, m_directory, file_name(descriptor.digest)));
  discard.dismiss();
  return true;
}

Result<Descriptor> BlobStore::put_bytes(std::string_view media_type, std::string_view bytes) {
  Descriptor descriptor;
  descriptor.media_type = media_type;
  descriptor.digest = Digest::of(bytes);
  descriptor.size = bytes.size();
  MemorySource source{std::string(bytes)};
  TRY(put(descriptor, source));
  return descriptor;
}

Result<std::unique_ptr<Source>> BlobStore::open_blob(const Descriptor& descriptor) {
  Result<Fd> file = Fd();
  {
    auto transaction = TRY(m_store.database().begin());
    file = posix::open_at(m_directory, file_name(descriptor.digest), O_RDONLY | O_NOFOLLOW);
    if (!file && !is_missing(file.error())) return std::unexpected(std::move(file).error());
    if (file) {
      TRY(m_store.hold("blob", descriptor.digest.to_string()));
      TRY(transaction.commit());
    }
  }
  if (file)
    return verified_source(std::make_unique<FdSource>(std::move(*file)), descriptor.digest, descriptor.size);
  if (m_provider) {
    if (auto source = TRY(m_provider(descriptor.digest)))
      return verified_source(std::move(*source), descriptor.digest, descriptor.size);
  }
  Error error(ErrorKind::not_found,
              fmt::format("blob {} is not in the store", descriptor.digest.to_string()));
  if (media_type::is_layer(descriptor.media_type))
    return std::unexpected(std::move(error).hint(
        "'ecrin prune --blobs' removes packed layers; load the image again to have it back"));
  return std::unexpected(std::move(error));
}

Result<std::string> BlobStore::read(const Descriptor& descriptor, std::uint64_t limit) {
  if (descriptor.size > limit)
    return fail(ErrorKind::limit, "blob {} has {} bytes, more than the {} allowed for '{}'",
                descriptor.digest.to_string(), descriptor.size, limit, descriptor.media_type);
  // No hold: the open file stays whole even when a prune removes its name.
  Result<Fd> file = posix::open_at(m_directory, file_name(descriptor.digest), O_RDONLY | O_NOFOLLOW);
  if (!file && !is_missing(file.error())) return std::unexpected(std::move(file).error());
  const auto source =
      file ? verified_source(std::make_unique<FdSource>(std::move(*file)), descriptor.digest, descriptor.size)
           : TRY(open_blob(descriptor));
  return read_all(*source, limit);
}

Result<std::optional<std::uint64_t>> BlobStore::size_of(const Digest& digest) {
  Result<struct stat> status = posix::lstat_at(m_directory, file_name(digest));
  if (!status) {
    if (is_missing(status.error())) return std::nullopt;
    return std::unexpected(std::move(status).error());
  }
  if (!S_ISREG(status->st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status->st_size);
}

Result<std::vector<Digest>> BlobStore::list() {
  std::vector<Digest> digests;
  for (const std::string algorithm : {"sha256", "sha512"}) {
    const Fd directory = TRY(posix::open_at(m_directory, algorithm, O_RDONLY | O_DIRECTORY));
    for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(directory)))
      if (Result<Digest> digest = Digest::parse(algorithm + ":" + entry.name))
        digests.push_back(std::move(*digest));
  }
  return digests;
}

Result<> BlobStore::remove(const Digest& digest) {
  Result<> removed = posix::unlink_at(m_directory, file_name(digest));
  if (!removed && is_missing(removed.error())) return {};
  return removed;
}

Result<> BlobStore::sync() {
  return posix::syncfs(m_directory);
}

}  // namespace ecrin::oci

// Images of every kind, and sources and destinations that go wrong at a chosen place.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "oci/copy_image.hpp"
#include "oci/endpoints.hpp"
#include "tests/unit/oci/fixture.hpp"

namespace ecrin::tests {

std::string zstd(std::string_view bytes);
/// Something to pack: it repeats itself, but not too much.
std::string layer_bytes(std::size_t size, unsigned seed);

struct LayerSpec {
  std::string_view media_type;
  std::string plain;
  bool is_missing = false;  // its blob is not stored
};

/// A store with images that were put there by hand.
struct CopyFixture : StoreFixture {
  explicit CopyFixture(const std::string& name = "store") : StoreFixture(name) {}

  /// An image; docker's media types when the first layer has them. Not added.
  oci::Descriptor image(const std::vector<LayerSpec>& layers, const std::string& architecture = "amd64");
  oci::Descriptor artifact();
  oci::Descriptor index(const std::vector<oci::Descriptor>& entries,
                        std::string_view type = oci::media_type::k_index);
  oci::Descriptor add(const oci::Descriptor& descriptor, const std::string& name);

  /// All kinds, each with a name in the store: gzip, zstd, plain, docker, duplicate, artifact, index.
  std::vector<std::string> add_all();

  oci::EndpointContext context() { return {.images = *images, .platform = amd64()}; }
  Result<oci::RawManifest> copy(const std::string& from, const std::string& to, oci::CopyOptions options = {},
                                const CancelToken* cancel = nullptr);
  static oci::Platform amd64();

  oci::CopyObserver silent;
  Fd scratch = must(store->temporary());
};

/// Counts, and fails where it is told to.
class FaultySource final : public oci::ImageSource {
public:
  explicit FaultySource(std::unique_ptr<oci::ImageSource> next) : m_next(std::move(next)) {}
  std::string name() const override { return m_next->name(); }
  Result<oci::RawManifest> manifest(const std::optional<oci::Descriptor>& instance,
                                    const CancelToken* cancel) override {
    return m_next->manifest(instance, cancel);
  }
  Result<std::unique_ptr<Source>> blob(const oci::Descriptor& descriptor, std::uint64_t offset,
                                       const CancelToken* cancel) override;

  int fail_at = -1;                            // the number of the blob, from 0, whose second read fails
  std::map<oci::Digest, std::string> instead;  // other bytes than the blob's
  std::atomic<int> opened = 0;

private:
  std::unique_ptr<oci::ImageSource> m_next;
};

/// Bytes in pieces; an error after `limit` of them.
class BrokenSource final : public Source {
public:
  BrokenSource(std::string bytes, std::size_t limit, std::size_t piece = 4096)
      : m_bytes(std::move(bytes)), m_limit(limit), m_piece(piece) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
  std::string m_bytes;
  std::size_t m_limit;
  std::size_t m_piece;
  std::size_t m_position = 0;
};

/// A file, or every file below a directory, with its content; hidden ones too.
std::map<std::string, std::string> snapshot(const std::string& directory);

}  // namespace ecrin::tests

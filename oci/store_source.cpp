#include "oci/store_source.hpp"

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

// The store's blobs come verified, which only works from their first byte on.
class TailSource final : public Source {
public:
  TailSource(std::unique_ptr<Source> source, std::uint64_t skip)
      : m_source(std::move(source)), m_skip(skip) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    while (m_skip > 0 && !buffer.empty()) {
      const std::size_t count =
          TRY(m_source->read(buffer.first(std::min<std::uint64_t>(m_skip, buffer.size()))));
      if (count == 0) return 0u;
      m_skip -= count;
    }
    return m_source->read(buffer);
  }

private:
  std::unique_ptr<Source> m_source;
  std::uint64_t m_skip;
};

class StoreSource final : public ImageSource {
public:
  StoreSource(ImageStore& images, std::string name, Descriptor top)
      : m_images(images), m_blobs(images.blobs()), m_name(std::move(name)), m_top(std::move(top)) {}

  std::string name() const override { return fmt::format("'{}' of the store", m_name); }
  bool verifies() const override { return true; }

  Result<RawManifest> manifest(const std::optional<Descriptor>& instance, const CancelToken*) override {
    const Descriptor& descriptor = instance ? *instance : m_top;
    // The bytes alone may be what a removed image left. Finding it holds it.
    if (instance && TRY(m_images.find_any(instance->digest.to_string())).manifest != instance->digest)
      return fail(ErrorKind::not_found, "{} has no image {}", name(), instance->digest.to_string());
    RawManifest manifest{.bytes = TRY(m_blobs.read(descriptor, k_manifest_limit)),
                         .media_type = descriptor.media_type,
                         .digest = descriptor.digest};
    return manifest;
  }

  Result<std::unique_ptr<Source>> blob(const Descriptor& descriptor, std::uint64_t offset,
                                       const CancelToken*) override {
    auto source = TRY(m_blobs.open_blob(descriptor));
    if (offset == 0) return source;
    return std::make_unique<TailSource>(std::move(source), offset);
  }

private:
  ImageStore& m_images;
  BlobStore& m_blobs;
  std::string m_name;
  Descriptor m_top;
};

}  // namespace

Result<std::unique_ptr<ImageSource>> open_store_source(ImageStore& images, const std::string& name_or_id) {
  const ImageRecord record = TRY(images.find_any(name_or_id));
  return std::make_unique<StoreSource>(images, printable(name_or_id, 300), record.descriptor());
}

}  // namespace ecrin::oci

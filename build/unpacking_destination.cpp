#include "build/unpacking_destination.hpp"

#include <algorithm>

#include "base/file_lock.hpp"
#include "build/layer_unpacker.hpp"
#include "oci/store_destination.hpp"

namespace ecrin::build {

namespace {

constexpr const char* k_locks = "locks";

class StoreOfUnpacked final : public UnpackingDestination {
public:
  StoreOfUnpacked(Workshop& workshop, std::vector<oci::Reference> names)
      : m_workshop(workshop),
        m_store(std::make_unique<oci::StoreDestination>(workshop.images(), std::move(names))) {}

  std::string name() const override { return m_store->name(); }
  Result<oci::Presence> find_blob(const oci::Descriptor& descriptor, const CancelToken* cancel) override {
    return m_store->find_blob(descriptor, cancel);
  }
  Result<std::optional<std::string>> read_blob(const oci::Descriptor& descriptor,
                                               std::uint64_t limit) override {
    return m_store->read_blob(descriptor, limit);
  }
  Result<> put_blob(const oci::Descriptor& descriptor, const oci::BlobOpener& open,
                    const oci::BlobContext& context, const CancelToken* cancel) override {
    if (!context.config) return m_store->put_blob(descriptor, open, context, cancel);
    return put_layer(descriptor, open, context.config->diff_ids[context.layer], cancel);
  }
  Result<> put_manifest(const oci::RawManifest& manifest, Place place, const CancelToken* cancel) override {
    return m_store->put_manifest(manifest, place, cancel);
  }
  Result<> commit(const CancelToken* cancel) override {
    TRY(m_workshop.layers().sync());
    return m_store->commit(cancel);
  }
  Result<oci::ImageRecord> recorded(const oci::Digest& manifest) override {
    const auto& records = m_store->records();
    const auto found = std::ranges::find(records, manifest, &oci::ImageRecord::manifest);
    if (found != records.end()) return *found;
    return m_workshop.images().find_any(manifest.to_string());
  }

private:
  Result<> put_layer(const oci::Descriptor& blob, const oci::BlobOpener& open, const oci::DiffId& diff_id,
                     const CancelToken* cancel) {
    // Whoever else wants this layer, in this process or another, waits and then finds it.
    const NamedLock lock =
        TRY(NamedLock::acquire(TRY(m_workshop.store().subdirectory(k_locks)),
                               diff_id.digest.algorithm_name() + "-" + diff_id.digest.hex(), cancel));
    oci::BlobStore& blobs = m_workshop.blobs();
    if (TRY(m_workshop.layers().find(diff_id.digest.to_string()))) {
      TRY(blobs.download(blob, open, nullptr, cancel));
      return {};
    }
    bool had_part = false;
    const auto watched = [&](std::uint64_t offset) {
      had_part = had_part || offset > 0;
      return open(offset);
    };
    Result<> stored = download_and_unpack(blob, watched, diff_id, cancel);
    // A power cut may have left anything in a partial file. The failure has removed it: once more from the
    // start.
    if (!stored && stored.error().kind() == ErrorKind::invalid && had_part)
      stored = download_and_unpack(blob, open, diff_id, cancel);
    return stored;
  }

  Result<> download_and_unpack(const oci::Descriptor& blob, const oci::BlobOpener& open,
                               const oci::DiffId& diff_id, const CancelToken* cancel) {
    fs::LayerStore& layers = m_workshop.layers();
    LayerUnpacker unpacker(layers, blob, diff_id, cancel);
    const auto download = m_workshop.blobs().download(blob, open, &unpacker.sink(), cancel);
    if (!download) {
      // When the unpacking failed first, the download only met a closed pipe.
      if (download.error().kind() == ErrorKind::cancelled && !(cancel && cancel->cancelled()))
        TRY(unpacker.finish());
      return std::unexpected(download.error());
    }
    if (*download == oci::BlobStore::Download::present) {
      TRY(m_workshop.unpack_layer(blob, diff_id, cancel));
      return {};
    }
    TRY(TRY(unpacker.finish()).publish(layers));
    return {};
  }

  Workshop& m_workshop;
  std::unique_ptr<oci::StoreDestination> m_store;
};

}  // namespace

std::unique_ptr<UnpackingDestination> make_unpacking_destination(Workshop& workshop,
                                                                 std::vector<oci::Reference> names) {
  return std::make_unique<StoreOfUnpacked>(workshop, std::move(names));
}

}  // namespace ecrin::build

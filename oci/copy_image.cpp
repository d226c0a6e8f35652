#include "oci/copy_image.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "base/thread_pool.hpp"
#include "oci/blob_store.hpp"
#include "oci/copy_plan.hpp"
#include "oci/layer_repack.hpp"
#include "oci/layer_types.hpp"
#include "oci/manifest_edit.hpp"
#include "oci/packed_layers.hpp"

namespace ecrin::oci {

namespace {

// One blob of the copy, whatever the number of manifests that name it.
struct Blob {
  Descriptor descriptor;
  PlannedManifest* image = nullptr;  // the first that names it
  std::size_t layer = 0;             // its number there
  bool is_config = false;
  bool is_packed = false;  // its layer is packed otherwise: it is read, and another blob is written
  Presence presence = Presence::absent;
  std::string bytes;  // of a config that was read
};

/// Tells the observer what has come, and stops when the copy does.
class WatchedSource final : public Source {
public:
  WatchedSource(std::unique_ptr<Source> source, const Descriptor& descriptor, std::uint64_t offset,
                CopyObserver& observer, const CancelToken& stop)
      : m_source(std::move(source)),
        m_descriptor(descriptor),
        m_count(offset),
        m_observer(observer),
        m_stop(stop) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    TRY(m_stop.check());
    const std::size_t count = TRY(m_source->read(buffer));
    if (count > 0) m_observer.blob_progress(m_descriptor, m_count += count);
    return count;
  }

private:
  std::unique_ptr<Source> m_source;
  const Descriptor& m_descriptor;
  std::uint64_t m_count;
  CopyObserver& m_observer;
  const CancelToken& m_stop;
};

class Copy {
public:
  Copy(ImageSource& source, ImageDestination& destination, const CopyOptions& options, CopyObserver& observer,
       const CancelToken* cancel)
      : m_source(source),
        m_destination(destination),
        m_options(options),
        m_observer(observer),
        m_stop(cancel) {}

  Result<RawManifest> run() {
    m_plan = TRY(plan_copy(m_source, m_options, m_observer, &m_stop));
    TRY(collect());
    TRY(for_each([](const Blob& blob) { return !blob.is_packed; },
                 [this](Blob& blob) { return find(blob); }));
    TRY(for_each([](const Blob& blob) { return blob.is_config; },
                 [this](Blob& blob) { return copy_config(blob); }));
    TRY(for_each([](const Blob& blob) { return !blob.is_config; },
                 [this](Blob& blob) { return copy_layer(blob); }));
    RawManifest top = TRY(put_manifests());
    TRY(m_stop.check());
    return top;
  }

private:
  Result<> collect() {
    for (PlannedManifest& manifest : m_plan.manifests) {
      if (!manifest.image) continue;
      TRY(add({.descriptor = manifest.image->config, .image = &manifest, .is_config = true}));
      for (std::size_t i = 0; i < manifest.image->layers.size(); ++i) {
        const Descriptor& layer = manifest.image->layers[i];
        const bool is_packed = TRY(wants_packing(manifest, layer));
        TRY(add({.descriptor = layer, .image = &manifest, .layer = i, .is_packed = is_packed}));
      }
    }
    return {};
  }

  Result<> add(Blob blob) {
    const auto [found, is_new] = m_index.try_emplace(blob.descriptor.digest, m_blobs.size());
    if (is_new) {
      m_blobs.push_back(std::move(blob));
      return {};
    }
    const Blob& first = m_blobs[found->second];
    if (first.descriptor.size != blob.descriptor.size)
      return fail(ErrorKind::invalid, "blob {} is listed with {} bytes and with {} bytes",
                  blob.descriptor.digest.to_string(), first.descriptor.size, blob.descriptor.size);
    return {};
  }

  Result<bool> wants_packing(const PlannedManifest& manifest, const Descriptor& layer) const {
    if (!m_options.compression || !media_type::is_image_config(manifest.image->config.media_type))
      return false;
    const auto type = LayerType::of(layer.media_type);
    if (!type || type->non_distributable || type->compression == m_options.compression->format) return false;
    if (!m_options.repack && type->compression != Compression::none) return false;
    return !m_options.packs || TRY(m_options.packs(layer));
  }

  // Runs `action` on the blobs that `wanted` takes, several at a time. The first failure stops the others.
  Result<> for_each(bool (*wanted)(const Blob&), const std::function<Result<>(Blob&)>& action) {
    std::vector<Blob*> blobs;
    for (Blob& blob : m_blobs)
      if (wanted(blob)) blobs.push_back(&blob);
    const auto perform = [&](Blob& blob) {
      Result<> done = m_stop.check();
      if (done) done = action(blob);
      if (done) return;
      const std::lock_guard lock(m_mutex);
      if (!m_failure) m_failure = std::move(done).error();
      m_stop.cancel();
    };
    if (!m_destination.takes_several() || m_options.jobs < 2 || blobs.size() < 2) {
      for (Blob* blob : blobs) perform(*blob);
    } else {
      ThreadPool pool(std::min(m_options.jobs, blobs.size()));
      for (Blob* blob : blobs) (void)pool.submit([&perform, blob] { perform(*blob); });
    }
    if (m_failure) return std::unexpected(*std::move(m_failure));
    return {};
  }

  Result<> find(Blob& blob) {
    blob.presence = TRY_WHILE(m_destination.find_blob(blob.descriptor, &m_stop), "looking for blob {} in {}",
                              blob.descriptor.digest.to_string(), m_destination.name());
    return {};
  }

  BlobOpener opener(const Blob& blob) {
    return [this, &blob](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
      auto source = TRY(m_source.blob(blob.descriptor, offset, &m_stop));
      m_observer.blob_started(blob.descriptor, offset);
      return std::make_unique<WatchedSource>(std::move(source), blob.descriptor, offset, m_observer, m_stop);
    };
  }

  // A config says what the layers are. It is read when one of them will move, even if the destination has it.
  bool config_is_needed(const PlannedManifest& manifest) const {
    return std::any_of(manifest.image->layers.begin(), manifest.image->layers.end(),
                       [&](const Descriptor& layer) {
                         return m_blobs[m_index.at(layer.digest)].presence == Presence::absent;
                       });
  }

  Result<> read_config(Blob& blob) {
    const Descriptor& descriptor = blob.descriptor;
    const auto source = verified_source(TRY(opener(blob)(0)), descriptor.digest, descriptor.size);
    blob.bytes =
        TRY_WHILE(read_all(*source, k_config_limit), "reading the image config from {}", m_source.name());
    return {};
  }

  Result<> put_config(Blob& blob, bool is_image) {
    const BlobOpener read_first = [this, &blob](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
      if (blob.bytes.empty()) TRY(read_config(blob));
      return std::make_unique<MemorySource>(
          blob.bytes.substr(std::min<std::uint64_t>(offset, blob.bytes.size())));
    };
    return m_destination.put_blob(blob.descriptor, is_image ? read_first : opener(blob),
                                  {.observer = &m_observer}, &m_stop);
  }

  Result<> copy_config(Blob& blob) {
    PlannedManifest& manifest = *blob.image;
    const Descriptor& descriptor = blob.descriptor;
    const bool is_image = media_type::is_image_config(descriptor.media_type);
    if (is_image && descriptor.size > k_config_limit)
      return fail(ErrorKind::limit, "image config {} has {} bytes, more than the {} allowed",
                  descriptor.digest.to_string(), descriptor.size, k_config_limit);
    const bool is_absent = blob.presence == Presence::absent;
    if (is_absent)
      TRY_WHILE(put_config(blob, is_image), "copying the config {}", descriptor.digest.to_string());
    if (is_image && (is_absent || config_is_needed(manifest))) {
      // The destination may have had it, or somebody else has put it there meanwhile.
      if (blob.bytes.empty())
        blob.bytes = TRY(m_destination.read_blob(descriptor, k_config_limit)).value_or("");
      if (blob.bytes.empty()) TRY(read_config(blob));
      // One that cannot be read is copied all the same; only those who need its diff IDs mind.
      auto config =
          ImageConfig::parse(blob.bytes, fmt::format("image config {}", descriptor.digest.to_string()));
      if (config && config->diff_ids.size() == manifest.image->layers.size())
        manifest.config = *std::move(config);
    }
    return finish(descriptor, is_absent ? BlobOutcome::copied : BlobOutcome::present);
  }

  Result<> copy_layer(Blob& blob) {
    const Descriptor& descriptor = blob.descriptor;
    const std::string what = fmt::format("copying layer {} of {} ({})", blob.layer + 1,
                                         blob.image->image->layers.size(), descriptor.digest.to_string());
    if (blob.is_packed) {
      return finish(descriptor, TRY_WHILE(pack(blob), "{}", what));
    }
    if (blob.presence == Presence::present) return finish(descriptor, BlobOutcome::present);
    bool missing = false;
    const BlobOpener open = [&, next = opener(blob)](std::uint64_t offset) {
      auto source = next(offset);
      missing = !source && source.error().kind() == ErrorKind::not_found;
      return source;
    };
    Result<> put = m_destination.put_blob(descriptor, open, context(blob), &m_stop);
    if (!put && missing) {
      const auto type = LayerType::of(descriptor.media_type);
      if (type && type->non_distributable) return finish(descriptor, BlobOutcome::left_out);
    }
    TRY_WHILE(std::move(put), "{}", what);
    return finish(descriptor, BlobOutcome::copied);
  }

  BlobContext context(const Blob& blob) {
    const PlannedManifest& image = *blob.image;
    return {.config = image.config ? &*image.config : nullptr, .layer = blob.layer, .observer = &m_observer};
  }

  Result<BlobOutcome> pack(Blob& blob) {
    const PlannedManifest& image = *blob.image;
    if (m_options.packed) {
      auto known = TRY(m_options.packed->find(blob.descriptor.digest, *m_options.compression));
      if (known && TRY(m_destination.find_blob(*known, &m_stop)) == Presence::present) {
        const std::lock_guard lock(m_mutex);
        m_packed.emplace(blob.descriptor.digest, *std::move(known));
        return BlobOutcome::present;
      }
    }
    if (!m_options.scratch) return fail(ErrorKind::unsupported, "there is no place to pack layers in");
    if (!image.config)
      return fail(ErrorKind::invalid, "the image config has no diff ID for each layer, which packing checks");
    const PackedLayer packed = TRY(repack(blob));
    const LayerType type{.format = ManifestFormat::oci, .compression = m_options.compression->format};
    Descriptor descriptor{
        .media_type = std::string(type.media_type()), .digest = packed.digest, .size = packed.size};
    if (TRY(m_destination.find_blob(descriptor, &m_stop)) == Presence::absent && claim(descriptor.digest))
      TRY(put_packed(descriptor, packed, blob));
    if (m_options.packed)
      TRY(m_options.packed->record(blob.descriptor.digest, *m_options.compression, descriptor));
    const std::lock_guard lock(m_mutex);
    m_packed.emplace(blob.descriptor.digest, std::move(descriptor));
    return BlobOutcome::packed;
  }

  Result<> put_packed(const Descriptor& descriptor, const PackedLayer& packed, const Blob& blob) {
    BlobContext known = context(blob);
    known.file = packed.file.get();
    return m_destination.put_blob(descriptor, packed.opener(), known, &m_stop);
  }

  // One after the other, because each is packed by all processors and holds blocks for all of them. What was
  // packed travels meanwhile.
  Result<PackedLayer> repack(const Blob& blob) {
    const std::lock_guard lock(m_packing);
    TRY(m_stop.check());
    const Descriptor& descriptor = blob.descriptor;
    auto source = TRY(opener(blob)(0));
    if (!m_source.verifies()) source = verified_source(std::move(source), descriptor.digest, descriptor.size);
    return repack_layer(std::move(source), descriptor.size, blob.image->config->diff_ids[blob.layer],
                        *m_options.compression, *m_options.scratch, &descriptor.digest);
  }

  // Two layers may become equal: gzip and plain of the same bytes. Each digest is put once.
  bool claim(const Digest& digest) {
    const std::lock_guard lock(m_mutex);
    const auto listed = m_index.find(digest);
    if (listed != m_index.end() && !m_blobs[listed->second].is_packed) return false;
    return m_claimed.insert(digest).second;
  }

  Result<> finish(const Descriptor& descriptor, BlobOutcome outcome) {
    m_observer.blob_finished(descriptor, outcome);
    return {};
  }

  ManifestFormat wanted_format(const PlannedManifest& manifest, ManifestFormat before) const {
    if (m_options.format) return *m_options.format;
    if (!manifest.image) {
      // An index of docker's cannot name what became an OCI manifest.
      const bool any_oci =
          std::any_of(manifest.children.begin(), manifest.children.end(), [&](const Descriptor& child) {
            const auto found = m_edited.find(child.digest);
            return found != m_edited.end() && format_of(found->second.media_type) == ManifestFormat::oci;
          });
      return any_oci ? ManifestFormat::oci : before;
    }
    const bool any_zstd = std::any_of(
        manifest.image->layers.begin(), manifest.image->layers.end(), [&](const Descriptor& layer) {
          const auto found = m_packed.find(layer.digest);
          return found != m_packed.end() && found->second.media_type == media_type::k_layer_zstd;
        });
    return any_zstd ? ManifestFormat::oci : before;
  }

  Result<RawManifest> put_manifests() {
    RawManifest last;
    for (const PlannedManifest& manifest : m_plan.manifests) {
      const ManifestFormat before = format_of(manifest.raw.media_type);
      const ManifestFormat format = wanted_format(manifest, before);
      const auto& parts = manifest.image ? manifest.image->layers : manifest.children;
      const auto& changes = manifest.image ? m_packed : m_edited;
      const bool is_edited =
          format != before || std::any_of(parts.begin(), parts.end(), [&](const Descriptor& part) {
            return changes.contains(part.digest);
          });
      last = !is_edited       ? manifest.raw
             : manifest.image ? TRY(edit_manifest(manifest, m_packed, format))
                              : TRY(edit_index(manifest, m_edited, format));
      if (is_edited) m_edited.emplace(manifest.raw.digest, last.descriptor());
      const bool is_top = &manifest == &m_plan.manifests.back();
      TRY_WHILE(m_destination.put_manifest(
                    last, is_top ? ImageDestination::Place::top : ImageDestination::Place::child, &m_stop),
                "writing the manifest {} to {}", last.digest.to_string(), m_destination.name());
    }
    return last;
  }

  ImageSource& m_source;
  ImageDestination& m_destination;
  const CopyOptions& m_options;
  CopyObserver& m_observer;
  CancelToken m_stop;  // the user's, and that of the first failure
  CopyPlan m_plan;
  std::vector<Blob> m_blobs;
  std::map<Digest, std::size_t> m_index;  // in m_blobs
  std::map<Digest, Descriptor> m_edited;  // manifests that were made anew, by the digest they had
  std::mutex m_packing;                   // held while a layer is packed
  std::mutex m_mutex;                     // guards what is below
  std::map<Digest, Descriptor> m_packed;  // layers, by the digest they had
  std::set<Digest> m_claimed;             // packed layers that somebody puts
  std::optional<Error> m_failure;
};

}  // namespace

Result<RawManifest> copy_content(ImageSource& source, ImageDestination& destination,
                                 const CopyOptions& options, CopyObserver& observer,
                                 const CancelToken* cancel) {
  return Copy(source, destination, options, observer, cancel).run();
}

Result<RawManifest> copy_image(ImageSource& source, ImageDestination& destination, const CopyOptions& options,
                               CopyObserver& observer, const CancelToken* cancel) {
  RawManifest top = TRY(copy_content(source, destination, options, observer, cancel));
  TRY_WHILE(destination.commit(cancel), "writing {}", destination.name());
  return top;
}

}  // namespace ecrin::oci

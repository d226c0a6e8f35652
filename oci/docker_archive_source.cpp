// docker-archive: what `docker save` writes. manifest.json lists images; their configs keep their bytes (and
// so the image its ID), their layers are plain tar files whose digests are the diff IDs.
#include "base/hash.hpp"
#include "base/text.hpp"
#include "oci/docker_archive_index.hpp"
#include "oci/file_sources.hpp"
#include "oci/image_manifest.hpp"

namespace ecrin::oci {

namespace {

struct LayerFile {
  std::string name;
  std::uint64_t size = 0;  // of the file, which may be packed
};

Result<> skip(Source& source, std::uint64_t count) {
  std::vector<std::byte> buffer(64 * 1024);
  while (count > 0) {
    const auto part = std::span(buffer).first(std::min<std::uint64_t>(count, buffer.size()));
    const std::size_t read = TRY(source.read(part));
    if (read == 0) return {};
    count -= read;
  }
  return {};
}

// The plain sizes of packed layers, by diff ID: images of one archive share layers.
using PlainSizes = std::map<Digest, std::uint64_t>;

class DockerArchiveSource final : public ImageSource {
public:
  explicit DockerArchiveSource(std::shared_ptr<ImageFiles> files) : m_files(std::move(files)) {}

  std::string name() const override { return "docker-archive:" + m_files->path(); }

  Result<RawManifest> manifest(const std::optional<Descriptor>& instance, const CancelToken*) override {
    if (instance && instance->digest != m_manifest.digest)
      return fail(ErrorKind::not_found, "'{}' has no manifest {}", m_files->path(),
                  instance->digest.to_string());
    return m_manifest;
  }

  Result<std::unique_ptr<Source>> blob(const Descriptor& descriptor, std::uint64_t offset,
                                       const CancelToken*) override {
    if (descriptor.digest == m_config_digest)
      return std::make_unique<MemorySource>(
          m_config.substr(std::min<std::uint64_t>(offset, m_config.size())));
    const auto layer = m_layers.find(descriptor.digest);
    if (layer == m_layers.end())
      return fail(ErrorKind::not_found, "'{}' has no blob {}", m_files->path(),
                  descriptor.digest.to_string());
    auto plain = TRY(plain_layer(*m_files, layer->second.name, layer->second.size, nullptr));
    TRY(skip(*plain, offset));
    return plain;
  }

  // Sizes of packed layers are not known before they are read: those are read twice.
  Result<> take(const ArchivedImage& image, PlainSizes& known) {
    m_config = TRY(read_image_file(*m_files, image.config, k_config_limit));
    const ImageConfig config =
        TRY(ImageConfig::parse(m_config, fmt::format("image config '{}'", printable(image.config))));
    if (config.diff_ids.size() != image.layers.size())
      return fail(ErrorKind::invalid, "manifest.json lists {} layers, but the image config has {} diff IDs",
                  image.layers.size(), config.diff_ids.size());
    ImageManifest manifest;
    manifest.media_type = media_type::k_manifest;
    for (std::size_t i = 0; i < image.layers.size(); ++i)
      manifest.layers.push_back(TRY_WHILE(take_layer(image.layers[i], config.diff_ids[i], known),
                                          "reading layer {} ('{}')", i + 1, printable(image.layers[i])));
    m_config_digest = Digest::of(m_config);
    manifest.config = {
        .media_type = std::string(media_type::k_config), .digest = m_config_digest, .size = m_config.size()};
    m_manifest.bytes = manifest.to_bytes();
    m_manifest.media_type = manifest.media_type;
    m_manifest.digest = Digest::of(m_manifest.bytes);
    return {};
  }

private:
  Result<Descriptor> take_layer(const std::string& name, const DiffId& diff_id, PlainSizes& known) {
    Descriptor descriptor{.media_type = std::string(media_type::k_layer), .digest = diff_id.digest};
    const auto file = TRY(m_files->open(name));
    if (!file) return fail(ErrorKind::not_found, "'{}' has no file '{}'", m_files->path(), printable(name));
    m_layers.insert_or_assign(diff_id.digest, LayerFile{name, file->size});
    if (const auto size = known.find(diff_id.digest); size != known.end()) {
      descriptor.size = size->second;
      return descriptor;
    }
    Compression found = Compression::none;
    const auto plain = TRY(plain_layer(*m_files, name, file->size, &found));
    descriptor.size = file->size;
    if (found == Compression::none) return descriptor;
    HashingSink hash(nullptr, diff_id.digest.algorithm());
    descriptor.size = TRY(copy_stream(*plain, hash));
    if (const std::string hex = hash.finish_hex(); hex != diff_id.digest.hex())
      return fail(ErrorKind::invalid, "the layer has the diff ID {}:{}, but the image config says {}",
                  diff_id.digest.algorithm_name(), hex, diff_id.digest.to_string());
    known.emplace(diff_id.digest, descriptor.size);
    return descriptor;
  }

  std::shared_ptr<ImageFiles> m_files;
  RawManifest m_manifest;
  std::string m_config;
  Digest m_config_digest;
  std::map<Digest, LayerFile> m_layers;
};

}  // namespace

Result<std::vector<FileImage>> open_docker_archive_images(std::shared_ptr<ImageFiles> files,
                                                          const ImageChoice& choice) {
  const std::vector<ArchivedImage> archived = TRY(read_archive_manifest(*files));
  std::vector<Candidate> candidates;
  for (const ArchivedImage& image : archived) candidates.push_back(image.candidate);
  std::vector<FileImage> images;
  PlainSizes known;
  for (const std::size_t chosen : TRY(choose_images(*files, candidates, choice))) {
    auto source = std::make_unique<DockerArchiveSource>(files);
    TRY_WHILE(source->take(archived[chosen], known), "reading {}", source->name());
    images.push_back({std::move(source), std::move(candidates[chosen].names)});
  }
  return images;
}

}  // namespace ecrin::oci

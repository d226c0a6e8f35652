#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"
#include "oci/archive_output.hpp"
#include "oci/archive_writer.hpp"
#include "oci/blob_store.hpp"
#include "oci/file_destinations.hpp"
#include "oci/image_files.hpp"
#include "oci/image_manifest.hpp"
#include "oci/layer_repack.hpp"
#include "oci/reference.hpp"

namespace ecrin::oci {

namespace {

class DockerArchiveDestination final : public ImageCollection {
public:
  DockerArchiveDestination(ArchiveOutput output, std::string path, Fd scratch)
      : m_output(std::move(output)), m_path(std::move(path)), m_scratch(std::move(scratch)) {}

  std::string name() const override { return "docker-archive:" + m_path; }
  bool takes_several() const override { return false; }

  Result<> call_next(std::vector<std::string> names) override {
    m_tags.clear();
    for (const std::string& text : names) {
      Reference name = TRY(Reference::parse(text)).with_default_tag();
      if (name.tag.empty())
        return fail(ErrorKind::invalid, "an image in a docker archive is called by a tag, not '{}'",
                    printable(text));
      name.digest.reset();
      m_tags.push_back(name.to_string());
    }
    return {};
  }

  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken*) override {
    const bool is_layer = !media_type::is_image_config(descriptor.media_type);
    return is_layer && m_layers.contains(descriptor.digest) ? Presence::present : Presence::absent;
  }

  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext& context,
                    const CancelToken*) override {
    auto source = verified_source(TRY(open(0)), descriptor.digest, descriptor.size);
    if (context.config)
      return put_layer(descriptor, std::move(source), context.config->diff_ids.at(context.layer));
    if (!media_type::is_image_config(descriptor.media_type))
      return fail(ErrorKind::unsupported, "a docker archive holds container images only, not '{}'",
                  descriptor.media_type);
    // Written last, as `docker save` does.
    m_configs[descriptor.digest] = TRY(read_all(*source, k_config_limit));
    return {};
  }

  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken*) override {
    if (place == Place::child || media_type::is_index(manifest.media_type))
      return std::unexpected(Error(ErrorKind::unsupported, "a docker archive cannot hold an image index")
                                 .hint("choose one image with --platform"));
    const ImageManifest parsed =
        TRY(ImageManifest::parse(manifest.bytes, fmt::format("manifest {}", manifest.digest.to_string())));
    const std::string& bytes = m_configs[parsed.config.digest];
    const ImageConfig image =
        TRY(ImageConfig::parse(bytes, fmt::format("image config {}", parsed.config.digest.to_string())));
    Json layers = Json::array();
    for (std::size_t i = 0; i < parsed.layers.size(); ++i) {
      const Descriptor& layer = parsed.layers[i];
      const auto found = m_layers.find(layer.digest);
      if (found == m_layers.end())
        return fail(ErrorKind::not_found, "layer {} did not come, and a docker archive needs all layers",
                    layer.digest.to_string());
      // It may have come with another image, whose config said so.
      if (i >= image.diff_ids.size() || image.diff_ids[i] != found->second)
        return fail(ErrorKind::invalid, "layer {} does not have the diff ID that the image config {} says",
                    layer.digest.to_string(), parsed.config.digest.to_string());
      layers.push_back(file_of(found->second));
    }
    const std::string config = parsed.config.digest.hex() + ".json";
    if (m_written.insert(config).second) TRY(m_writer.add_file(config, bytes));
    m_list.push_back({{"Config", config}, {"RepoTags", m_tags}, {"Layers", std::move(layers)}});
    return {};
  }

  Result<> commit(const CancelToken*) override {
    TRY(m_writer.add_file(k_archive_manifest_file, dump_json(m_list)));
    TRY(m_writer.finish());
    return m_output.commit();
  }

private:
  static std::string file_of(const DiffId& diff_id) { return diff_id.digest.hex() + ".tar"; }

  Result<> put_layer(const Descriptor& descriptor, std::unique_ptr<Source> source, const DiffId& diff_id) {
    const std::string file = file_of(diff_id);
    const bool is_new = m_written.insert(file).second;
    if (descriptor.digest == diff_id.digest && is_new) {
      TRY(m_writer.add_file(file, descriptor.size, *source));
    } else {
      // Also when another layer has the same plain bytes: that this one has them is only known afterwards.
      const PackedLayer plain = TRY(unpack_layer(std::move(source), descriptor.size, diff_id, m_scratch));
      const auto bytes = TRY(plain.opener()(0));
      if (is_new) TRY(m_writer.add_file(file, plain.size, *bytes));
    }
    m_layers[descriptor.digest] = diff_id;
    return {};
  }

  ArchiveOutput m_output;
  BufferedSink m_buffered{m_output};
  ArchiveWriter m_writer{m_buffered};
  std::string m_path;
  std::vector<std::string> m_tags;
  Fd m_scratch;
  std::map<Digest, std::string> m_configs;
  std::map<Digest, DiffId> m_layers;  // that came, by the digests of manifests
  std::set<std::string> m_written;
  Json m_list = Json::array();
};

}  // namespace

Result<std::unique_ptr<ImageCollection>> open_docker_archive_destination(const std::string& path,
                                                                         Fd scratch) {
  return std::make_unique<DockerArchiveDestination>(TRY(ArchiveOutput::open(path)), path, std::move(scratch));
}

}  // namespace ecrin::oci

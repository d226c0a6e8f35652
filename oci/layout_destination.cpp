#include <nlohmann/json.hpp>
#include <set>

#include "oci/archive_output.hpp"
#include "oci/archive_writer.hpp"
#include "oci/blob_store.hpp"
#include "oci/file_destinations.hpp"
#include "oci/image_files.hpp"
#include "oci/layout_index.hpp"
#include "oci/layout_names.hpp"
#include "oci/layout_writer.hpp"

namespace ecrin::oci {

namespace {

class LayoutDestination final : public ImageCollection {
public:
  LayoutDestination(std::unique_ptr<LayoutWriter> layout, std::string path, RefName style)
      : m_layout(std::move(layout)), m_path(std::move(path)), m_style(style) {}

  std::string name() const override { return "oci:" + m_path; }

  Result<> call_next(std::vector<std::string> names) override {
    m_names = std::move(names);
    return {};
  }

  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken*) override {
    return TRY(m_layout->has(descriptor)) ? Presence::present : Presence::absent;
  }

  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext&,
                    const CancelToken*) override {
    return m_layout->put(descriptor, TRY(open(0)));
  }

  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken*) override {
    const Descriptor descriptor = manifest.descriptor();
    if (place == Place::top) m_images.push_back({descriptor, std::move(m_names)});
    if (TRY(m_layout->has(descriptor))) return {};
    return m_layout->put(descriptor, std::make_unique<MemorySource>(manifest.bytes));
  }

  Result<> commit(const CancelToken*) override { return m_layout->commit(layout_entries(m_images, m_style)); }

private:
  std::unique_ptr<LayoutWriter> m_layout;
  std::string m_path;
  RefName m_style;
  std::vector<std::string> m_names;  // of the next image
  std::vector<NamedDescriptor> m_images;
};

class LayoutArchiveDestination final : public ImageCollection {
public:
  LayoutArchiveDestination(ArchiveOutput output, std::string path)
      : m_output(std::move(output)), m_path(std::move(path)) {}

  std::string name() const override { return "oci-archive:" + m_path; }
  bool takes_several() const override { return false; }

  Result<> call_next(std::vector<std::string> names) override {
    m_names = std::move(names);
    return {};
  }

  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken*) override {
    return m_written.contains(descriptor.digest) ? Presence::present : Presence::absent;
  }

  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext&,
                    const CancelToken*) override {
    return write(descriptor, TRY(open(0)));
  }

  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken*) override {
    const Descriptor descriptor = manifest.descriptor();
    if (place == Place::top) m_images.push_back({descriptor, std::move(m_names)});
    if (m_written.contains(descriptor.digest)) return {};
    return write(descriptor, std::make_unique<MemorySource>(manifest.bytes));
  }

  Result<> commit(const CancelToken*) override {
    const Json index = {{"schemaVersion", 2},
                        {"mediaType", media_type::k_index},
                        {"manifests", layout_entries(m_images, RefName::as_given)}};
    TRY(m_writer.add_file(k_index_file, dump_json(index)));
    TRY(m_writer.add_file(k_layout_file, k_layout_version));
    TRY(m_writer.finish());
    return m_output.commit();
  }

private:
  Result<> write(const Descriptor& descriptor, std::unique_ptr<Source> source) {
    const std::string directory = "blobs/" + descriptor.digest.algorithm_name();
    if (m_written.empty()) TRY(m_writer.add_directory("blobs"));
    if (m_directories.insert(directory).second) TRY(m_writer.add_directory(directory));
    const auto verified = verified_source(std::move(source), descriptor.digest, descriptor.size);
    TRY(m_writer.add_file(layout_blob_name(descriptor.digest), descriptor.size, *verified));
    m_written.insert(descriptor.digest);
    return {};
  }

  ArchiveOutput m_output;
  BufferedSink m_buffered{m_output};
  ArchiveWriter m_writer{m_buffered};
  std::string m_path;
  std::vector<std::string> m_names;  // of the next image
  std::vector<NamedDescriptor> m_images;
  std::set<std::string> m_directories;
  std::set<Digest> m_written;
};

}  // namespace

Result<std::unique_ptr<ImageCollection>> open_layout_destination(const std::string& path, RefName style) {
  return std::make_unique<LayoutDestination>(TRY(LayoutWriter::open(path)), path, style);
}

Result<std::unique_ptr<ImageCollection>> open_layout_archive_destination(const std::string& path) {
  return std::make_unique<LayoutArchiveDestination>(TRY(ArchiveOutput::open(path)), path);
}

}  // namespace ecrin::oci

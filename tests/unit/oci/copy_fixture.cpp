#include "tests/unit/oci/copy_fixture.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/compression.hpp"

namespace ecrin::tests {

using namespace oci;

std::string zstd(std::string_view bytes) {
  StringSink sink;
  const auto compressor = must(compress(Compression::zstd, std::nullopt, sink));
  must(compressor->write(as_bytes(bytes)));
  must(compressor->finish());
  return sink.bytes();
}

std::string layer_bytes(std::size_t size, unsigned seed) {
  std::string bytes;
  while (bytes.size() < size) {
    seed = seed * 1664525u + 1013904223u;
    bytes += fmt::format("line {} of {}\n", bytes.size(), seed >> 20);
  }
  bytes.resize(size);
  return bytes;
}

Platform CopyFixture::amd64() {
  return must(Platform::parse("linux/amd64"));
}

Descriptor CopyFixture::image(const std::vector<LayerSpec>& layers, const std::string& architecture) {
  const bool docker = !layers.empty() && layers.front().media_type.find("docker") != std::string_view::npos;
  ImageConfig config;
  config.platform.architecture = architecture;
  config.created = "2024-05-06T07:08:09Z";
  ImageManifest manifest;
  manifest.media_type = docker ? media_type::k_docker_manifest : media_type::k_manifest;
  for (const LayerSpec& layer : layers) {
    config.diff_ids.push_back({Digest::of(layer.plain)});
    const std::string bytes = layer.media_type.ends_with("gzip")   ? gzip(layer.plain)
                              : layer.media_type.ends_with("zstd") ? zstd(layer.plain)
                                                                   : layer.plain;
    Descriptor descriptor{
        .media_type = std::string(layer.media_type), .digest = Digest::of(bytes), .size = bytes.size()};
    if (!layer.is_missing) must(blobs->put_bytes(layer.media_type, bytes));
    if (media_type::is_nondistributable_layer(layer.media_type))
      descriptor.urls = {"https://layers.example/x"};
    manifest.layers.push_back(std::move(descriptor));
  }
  // White space, so that a config that is written anew would get another digest.
  manifest.config = must(blobs->put_bytes(docker ? media_type::k_docker_config : media_type::k_config,
                                          config.to_bytes() + "\n"));
  return must(blobs->put_bytes(manifest.media_type, manifest.to_bytes() + "\n"));
}

Descriptor CopyFixture::artifact() {
  ImageManifest manifest;
  manifest.media_type = media_type::k_manifest;
  manifest.artifact_type = "application/vnd.example.chart";
  manifest.config = must(blobs->put_bytes(media_type::k_empty, "{}"));
  manifest.layers.push_back(must(blobs->put_bytes("application/vnd.example.data", "data of a chart")));
  // The empty blob stands for a config and for a layer that there is none of.
  manifest.layers.push_back(must(blobs->put_bytes(media_type::k_empty, "{}")));
  return must(blobs->put_bytes(media_type::k_manifest, manifest.to_bytes()));
}

Descriptor CopyFixture::index(const std::vector<Descriptor>& entries, std::string_view type) {
  ImageIndex index;
  index.media_type = type;
  index.manifests = entries;
  return must(blobs->put_bytes(type, " " + index.to_bytes()));
}

Descriptor CopyFixture::add(const Descriptor& descriptor, const std::string& name) {
  must(images->add_any(descriptor, {must(Reference::parse(name)).with_local_registry().with_default_tag()}));
  return descriptor;
}

std::vector<std::string> CopyFixture::add_all() {
  const std::string one = layer_bytes(50'000, 1);
  const std::string two = layer_bytes(3'000, 2);
  add(image({{media_type::k_layer_gzip, one}, {media_type::k_layer_gzip, two}}), "gzip");
  add(image({{media_type::k_layer_zstd, one}, {media_type::k_layer_zstd, two}}), "zstd");
  add(image({{media_type::k_layer, one}, {media_type::k_layer, two}}), "plain");
  add(image({{media_type::k_docker_layer, one}}), "docker");
  add(image({{media_type::k_layer, two}, {media_type::k_layer_gzip, one}, {media_type::k_layer, two}}),
      "duplicate");
  add(artifact(), "artifact");
  const auto on = [](Descriptor descriptor, const char* platform) {
    descriptor.platform = must(Platform::parse(platform));
    return descriptor;
  };
  const Descriptor arm = image({{media_type::k_layer_gzip, one}}, "arm64");
  const Descriptor amd = image({{media_type::k_layer_zstd, two}}, "amd64");
  must(images->add(arm, {}));
  must(images->add(amd, {}));
  const Descriptor inner = index({on(arm, "linux/arm64"), on(amd, "linux/amd64")});
  must(images->add_any(inner, {}));
  add(inner, "index");
  return {"gzip", "zstd", "plain", "docker", "duplicate", "artifact", "index"};
}

Result<RawManifest> CopyFixture::copy(const std::string& from, const std::string& to, CopyOptions options,
                                      const CancelToken* cancel) {
  const EndpointContext places = context();
  const auto source = TRY(open_source(TRY(TransportName::parse(from)), places));
  const auto destination = TRY(open_destination(TRY(TransportName::parse(to)), places));
  options.platform = amd64();
  options.scratch = &scratch;
  return copy_image(*source, *destination, options, silent, cancel);
}

Result<std::unique_ptr<Source>> FaultySource::blob(const Descriptor& descriptor, std::uint64_t offset,
                                                   const CancelToken* cancel) {
  const int number = opened++;
  if (const auto other = instead.find(descriptor.digest); other != instead.end())
    return std::make_unique<MemorySource>(other->second.substr(std::min(offset, other->second.size())));
  auto source = TRY(m_next->blob(descriptor, offset, cancel));
  if (number != fail_at) return source;
  std::string bytes = TRY(read_all(*source, 1u << 30));
  const std::size_t half = bytes.size() / 2;
  return std::make_unique<BrokenSource>(std::move(bytes), half);
}

Result<std::size_t> BrokenSource::read(std::span<std::byte> buffer) {
  if (m_position == m_limit && m_limit < m_bytes.size())
    return fail(ErrorKind::network, "the connection was cut");
  const std::size_t end = std::min(m_limit, m_bytes.size());
  const std::size_t count = std::min({buffer.size(), m_piece, end - m_position});
  std::memcpy(buffer.data(), m_bytes.data() + m_position, count);
  m_position += count;
  return count;
}

std::map<std::string, std::string> snapshot(const std::string& directory) {
  std::map<std::string, std::string> files;
  if (!exists(directory)) return files;
  if (!std::filesystem::is_directory(directory)) return {{directory, read_file(directory)}};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    files[entry.path().string()] = entry.is_regular_file() ? read_file(entry.path().string()) : "directory";
  return files;
}

}  // namespace ecrin::tests

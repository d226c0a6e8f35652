#include "tests/unit/oci/fixture.hpp"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/compression.hpp"

namespace ecrin::tests {

TemporaryDirectory::TemporaryDirectory() : m_path("/tmp/ecrin-unit-oci-XXXXXX") {
  if (!mkdtemp(m_path.data())) throw std::runtime_error("cannot make a directory in /tmp");
}

TemporaryDirectory::~TemporaryDirectory() {
  nftw(
      m_path.c_str(), [](const char* path, const struct stat*, int, struct FTW*) { return ::remove(path); },
      16, FTW_DEPTH | FTW_PHYS);
}

std::string describe(const Error& error) {
  std::string text = error.message();
  for (const std::string& line : error.trace()) text += "\nwhile " + line;
  if (!error.hint_text().empty()) text += "\nhint: " + error.hint_text();
  return text;
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error("cannot write " + path);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool exists(const std::string& path) {
  struct stat status = {};
  return lstat(path.c_str(), &status) == 0;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string gzip(std::string_view bytes) {
  StringSink sink;
  const auto compressor = must(compress(Compression::gzip, std::nullopt, sink));
  must(compressor->write(as_bytes(bytes)));
  must(compressor->finish());
  return sink.bytes();
}

StoreFixture::StoreFixture(const std::string& name)
    : store(must(Store::open(directory / name))),
      blobs(must(oci::BlobStore::open(*store))),
      images(must(oci::ImageStore::open(*store, *blobs))) {}

MadeImage make_image(oci::BlobStore& blobs, std::vector<std::string> layers, const std::string& created) {
  MadeImage image;
  image.config.platform.architecture = "amd64";
  image.config.created = created;
  oci::ImageManifest manifest;
  manifest.media_type = oci::media_type::k_manifest;
  for (const std::string& layer : layers) {
    manifest.layers.push_back(must(blobs.put_bytes(oci::media_type::k_layer, layer)));
    image.config.diff_ids.push_back({oci::Digest::of(layer)});
  }
  manifest.config = must(blobs.put_bytes(oci::media_type::k_config, image.config.to_bytes()));
  image.manifest = must(blobs.put_bytes(oci::media_type::k_manifest, manifest.to_bytes()));
  image.layers = std::move(layers);
  return image;
}

std::string make_tar(const std::vector<TarMember>& members) {
  std::string tar;
  for (const TarMember& member : members) {
    std::array<char, 512> header = {};
    std::memcpy(header.data(), member.name.data(), std::min<std::size_t>(member.name.size(), 100));
    std::snprintf(header.data() + 100, 8, "%07o", 0644u);
    std::snprintf(header.data() + 124, 12, "%011o", static_cast<unsigned>(member.bytes.size()));
    header[156] = member.type;
    std::memcpy(header.data() + 157, member.link.data(), std::min<std::size_t>(member.link.size(), 100));
    std::memcpy(header.data() + 257, "ustar\00000", 8);
    std::memset(header.data() + 148, ' ', 8);
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(header.data() + 148, 7, "%06o", sum);
    tar.append(header.data(), header.size());
    tar += member.bytes;
    tar.append((512 - member.bytes.size() % 512) % 512, '\0');
  }
  tar.append(1024, '\0');
  return tar;
}

}  // namespace ecrin::tests

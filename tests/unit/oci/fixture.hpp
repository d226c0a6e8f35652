// A store in a directory of its own, and small images made by hand.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "oci/image_store.hpp"

namespace ecrin::tests {

class TemporaryDirectory {
public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return m_path; }
  std::string operator/(const std::string& name) const { return m_path + "/" + name; }

private:
  std::string m_path;
};

/// Message, context lines and hint in one text.
std::string describe(const Error& error);

/// The value; an error fails the test with its text.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(describe(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The text of the error that there has to be.
template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : describe(result.error());
}

void write_file(const std::string& path, std::string_view bytes);
std::string read_file(const std::string& path);
bool exists(const std::string& path);
bool contains(std::string_view text, std::string_view part);
std::string gzip(std::string_view bytes);

struct StoreFixture {
  StoreFixture() : StoreFixture("store") {}
  explicit StoreFixture(const std::string& name);
  TemporaryDirectory directory;
  std::unique_ptr<Store> store;
  std::unique_ptr<oci::BlobStore> blobs;
  std::unique_ptr<oci::ImageStore> images;
};

/// An image whose layers have these bytes (stored as they are), not added to the image store.
struct MadeImage {
  oci::Descriptor manifest;
  oci::ImageConfig config;
  std::vector<std::string> layers;
};
MadeImage make_image(oci::BlobStore& blobs, std::vector<std::string> layers,
                     const std::string& created = "2024-05-06T07:08:09Z");

/// One member of a tar archive.
struct TarMember {
  std::string name;
  std::string bytes;
  char type = '0';
  std::string link;
};
std::string make_tar(const std::vector<TarMember>& members);

}  // namespace ecrin::tests

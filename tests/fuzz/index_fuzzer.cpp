// An index that is accepted has a bounded number of entries; written and read again it is the same, and the
// choice for a platform is one of them. The same text as the list of a layout and of docker's archives.
#include "oci/image_index.hpp"

#include <algorithm>

#include "oci/docker_archive_index.hpp"
#include "oci/image_files.hpp"
#include "oci/layout_index.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using ecrin::fuzz::require;

namespace {

// Whatever is asked for, but for the version of the layout, is the input.
class OneFile final : public ImageFiles {
public:
  explicit OneFile(std::string_view text) : ImageFiles("fuzzed"), m_text(text) {}
  Result<std::optional<File>> open(const std::string& name, std::uint64_t offset) override {
    const std::string text = name == k_layout_file ? R"({"imageLayoutVersion": "1.0.0"})" : m_text;
    return File{.size = text.size(), .source = std::make_unique<MemorySource>(text.substr(offset))};
  }

private:
  std::string m_text;
};

void check_index(std::string_view text) {
  const auto index = ImageIndex::parse(text, "index");
  if (!index) return;
  require(index->manifests.size() <= k_index_entry_limit);
  const auto again = ImageIndex::parse(index->to_bytes(), "index");
  require(again && again->manifests == index->manifests && again->subject == index->subject &&
          again->annotations == index->annotations && again->artifact_type == index->artifact_type);
  if (const auto chosen = select_platform(*index, {.architecture = "arm64"}))
    require(index->find(chosen->digest) != nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_index(text);
  OneFile files(text);
  if (const auto entries = read_layout_entries(files)) {
    for (const LayoutEntry& entry : *entries) {
      require(!entry.descriptors.empty());
      (void)choose_descriptor(entry, "", {.architecture = "amd64"});
    }
  }
  (void)read_archive_manifest(files);
  return 0;
}

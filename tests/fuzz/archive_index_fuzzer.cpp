// The index of an image archive: members lie in the file, and none of its names leads out of the archive.
#include "oci/archive_index.hpp"

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  const auto index =
      ArchiveIndex::read(std::make_shared<const Fd>(file.fd().duplicate().value()), size, "fuzzed");
  if (!index) return 0;
  for (const char* name : {"oci-layout", "index.json", "manifest.json", "a", "b", "a/b", "a/layer.tar",
                           "blobs/sha256/a", "../a", "/a", ""}) {
    const auto member = index->find(name);
    if (!member) continue;
    require(member->offset <= size && member->size <= size - member->offset);
    const auto source = index->open(*member);
    const auto bytes = read_all(*source, size);
    require(bytes && bytes->size() == member->size);
  }
  return 0;
}

// Any bytes are a layer or one error, and nothing is made outside the directory that the layer goes to.
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/posix.hpp"
#include "fs/layer_apply.hpp"
#include "fs/tree.hpp"

using namespace ecrin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // One directory with one name in it for the whole run; a second name means that an entry got out.
  static const Fd place = [] {
    std::string pattern = "/dev/shm/ecrin-fuzz-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    return posix::open(pattern, O_RDONLY | O_DIRECTORY).value();
  }();
  if (!posix::mkdir_at(place, "layer", 0755)) std::abort();
  {
    const Fd layer = posix::open_at(place, "layer", O_RDONLY | O_DIRECTORY).value();
    auto source = std::make_unique<MemorySource>(std::string(reinterpret_cast<const char*>(data), size));
    const fs::ApplyLimits limits = {.bytes = 1u << 20, .entries = 1000, .depth = 100};
    (void)fs::apply_layer(std::move(source), layer, fs::ApplyForm::overlay_layer, limits);
  }
  if (posix::list_directory(place).value().size() != 1) std::abort();
  if (!fs::remove_tree(place, "layer")) std::abort();
  return 0;
}

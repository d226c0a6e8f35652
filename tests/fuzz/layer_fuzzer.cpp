// Any bytes are a layer or one error, and nothing is made outside the directory that the layer goes to;
// neither in the form of overlay nor as a tree on top of another.
#include <fcntl.h>

#include "fs/layer_apply.hpp"
#include "fs/tree.hpp"
#include "tests/fuzz/fuzzer.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using ecrin::fuzz::require;

namespace {

void apply(std::string_view bytes, const Fd& layer, fs::ApplyForm form) {
  const fs::ApplyLimits limits = {.bytes = 1u << 20, .entries = 1000, .depth = 100};
  const auto result =
      fs::apply_layer(std::make_unique<MemorySource>(std::string(bytes)), layer, form, limits);
  require(!result || (result->bytes == bytes.size() && result->entries <= limits.entries));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // With one name in it for the whole run: a second one means that an entry got out.
  static const test::TempDirectory place;
  const std::string_view bytes = fuzz::text_of(data, size);
  for (const auto form : {fs::ApplyForm::overlay_layer, fs::ApplyForm::plain_tree}) {
    require(posix::mkdir_at(place.fd(), "layer", 0755).has_value());
    {
      const Fd layer = posix::open_at(place.fd(), "layer", O_RDONLY | O_DIRECTORY).value();
      if (form == fs::ApplyForm::plain_tree) {
        require(posix::mkdir_at(layer, "d", 0755).has_value());
        require(posix::symlink_at("../../../..", layer, "l").has_value());
      }
      apply(bytes, layer, form);
    }
    require(posix::list_directory(place.fd()).value().size() == 1);
    require(fs::remove_tree(place.fd(), "layer").has_value());
  }
  return 0;
}

// A digest that is accepted is a file name and nothing else: an algorithm that we have, and as many small hex
// digits as it has.
#include "oci/digest.hpp"

#include <algorithm>

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  const auto digest = Digest::parse(text);
  if (!digest) return 0;
  const std::string name = digest->algorithm_name();
  const std::string hex = digest->hex();
  require(digest->to_string() == text && name + ":" + hex == text);
  require((name == "sha256" && hex.size() == 64) || (name == "sha512" && hex.size() == 128));
  require(std::ranges::all_of(hex, [](char c) { return std::string_view("0123456789abcdef").contains(c); }));
  return 0;
}

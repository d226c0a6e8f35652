// WWW-Authenticate, a header a line: bounded challenges with schemes and names in lower case, whatever was
// sent.
#include "oci/registry/challenge.hpp"

#include <algorithm>

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

namespace {

bool is_lower(const std::string& text) {
  return std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = ecrin::fuzz::text_of(data, size);
  std::vector<std::string> headers;
  while (!text.empty()) headers.emplace_back(ecrin::fuzz::take_line(text));
  const std::vector<Challenge> challenges = parse_challenges(headers);
  require(challenges.size() <= 16 + headers.size());
  for (const Challenge& challenge : challenges) {
    require(!challenge.scheme.empty() && is_lower(challenge.scheme) && challenge.parameters.size() <= 32);
    std::string written = challenge.scheme;
    char separator = ' ';
    for (const auto& [name, value] : challenge.parameters) {
      require(!name.empty() && is_lower(name));
      written += separator + name + "=\"";
      separator = ',';
      for (const char c : value) written += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
      written += '"';
    }
    if (written.size() > 16 * 1024) continue;
    const auto again = parse_challenges({written});
    require(again.size() == 1 && again[0].scheme == challenge.scheme &&
            again[0].parameters == challenge.parameters);
  }
  return 0;
}

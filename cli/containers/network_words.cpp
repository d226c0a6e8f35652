#include "cli/containers/network_words.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/containers/stored_request.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_network = "--network=";

struct Outside {
  std::string_view flag;
  std::string_view option;  // of --network, with the same meaning
};
constexpr std::array<Outside, 4> k_outside = {
    {{"--ip=", "ip="}, {"--ip6=", "ip6="}, {"--mac-address=", "mac="}, {"--network-alias=", "alias="}}};

void add_option(std::string& network, std::string_view option, std::string_view value) {
  const bool is_first = network.find(':') == std::string::npos;
  network += fmt::format("{}{}{}", is_first ? ":" : ",", option, value);
}

// What stands outside of the networks' own words goes into them.
std::vector<std::string> with_options_inside(const std::vector<std::string>& words) {
  std::vector<std::string> result;
  const std::size_t flags = count_flag_words(words);
  std::vector<std::pair<std::string_view, std::string>> options;
  for (std::size_t index = 0; index < words.size(); ++index) {
    const std::string& word = words[index];
    const auto* outside = std::ranges::find_if(
        k_outside, [&word](const Outside& known) { return word.starts_with(known.flag); });
    if (index < flags && outside != k_outside.end()) {
      options.emplace_back(outside->option, word.substr(outside->flag.size()));
    } else {
      result.push_back(word);
    }
  }
  const std::size_t left = count_flag_words(result);
  for (std::size_t index = 0; index < left; ++index)
    if (result[index].starts_with(k_network))
      for (const auto& [option, value] : options) add_option(result[index], option, value);
  return result;
}

}  // namespace

std::vector<std::string> with_network(const std::vector<std::string>& words, const std::string& network) {
  std::vector<std::string> result = with_options_inside(words);
  // After the others: their order is that of the interfaces.
  result.insert(result.begin() + static_cast<std::ptrdiff_t>(count_flag_words(result)),
                std::string(k_network) + network);
  return result;
}

std::vector<std::string> without_network(const std::vector<std::string>& words, std::size_t index) {
  std::vector<std::string> result = with_options_inside(words);
  const auto end = result.begin() + static_cast<std::ptrdiff_t>(count_flag_words(result));
  for (auto word = result.begin(); word != end; ++word) {
    if (!word->starts_with(k_network)) continue;
    if (index-- > 0) continue;
    result.erase(word);
    break;
  }
  return result;
}

}  // namespace ecrin::cli

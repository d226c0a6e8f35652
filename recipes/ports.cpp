#include "recipes/ports.hpp"

#include <fmt/core.h>

#include "base/text.hpp"
#include "oci/image_config.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::size_t k_port_size = 10;  // "65535/sctp"

std::optional<std::uint32_t> parse_port(std::string_view text) {
  const auto number = parse_unsigned(text, 65535);
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

std::optional<PortRange> parse_port_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  PortRange range;
  range.protocol = slash == std::string_view::npos ? "tcp" : to_lower(text.substr(slash + 1));
  if (range.protocol != "tcp" && range.protocol != "udp" && range.protocol != "sctp") return std::nullopt;
  const std::string_view numbers = text.substr(0, slash);
  const std::size_t dash = numbers.find('-');
  const auto first = parse_port(numbers.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_port(numbers.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  range.first = *first;
  range.last = *last;
  return range;
}

Result<std::vector<std::string>> each_port(const PortRange& range, std::size_t& budget) {
  if (range.size() > oci::k_config_list_limit) {
    return fail(ErrorKind::limit, "{}-{} are {} ports, and an image's config holds at most {}", range.first,
                range.last, range.size(), oci::k_config_list_limit);
  }
  if (range.size() * k_port_size > budget)
    return fail(ErrorKind::limit, "the recipe names too many ports altogether");
  budget -= range.size() * k_port_size;
  std::vector<std::string> ports;
  for (std::uint32_t number = range.first; number <= range.last; ++number)
    ports.push_back(fmt::format("{}/{}", number, range.protocol));
  return ports;
}

}  // namespace ecrin::recipes

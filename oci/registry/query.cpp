#include "oci/registry/query.hpp"

#include <fmt/core.h>

namespace ecrin::oci {

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::string encode_parameters(const Parameters& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    if (!text.empty()) text += '&';
    text += percent_encode(name) + "=" + percent_encode(value);
  }
  return text;
}

std::string with_parameters(const std::string& url, const Parameters& parameters) {
  if (parameters.empty()) return url;
  const std::string base = url.substr(0, url.find('#'));
  const std::size_t mark = base.find('?');
  std::string_view between = "?";
  if (mark != std::string::npos) between = mark + 1 == base.size() || base.back() == '&' ? "" : "&";
  return fmt::format("{}{}{}", base, between, encode_parameters(parameters));
}

}  // namespace ecrin::oci

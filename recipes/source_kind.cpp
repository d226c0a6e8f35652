#include "recipes/source_kind.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::recipes {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_made_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) { return is_letter_or_digit(c) || more.contains(c); });
}

/// user@host:path, where git would use ssh. What has a slash before the colon is a path.
bool is_scp_form(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::size_t colon = text.find(':');
  if (at == std::string_view::npos || at == 0 || colon == std::string_view::npos || colon < at + 2)
    return false;
  return is_made_of(text.substr(0, at), "-_") && is_made_of(text.substr(at + 1, colon - at - 1), "-.");
}

}  // namespace

std::string_view url_scheme(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || end == 0) return {};
  const std::string_view scheme = text.substr(0, end);
  return is_made_of(scheme, "+-.") ? scheme : std::string_view{};
}

bool is_web_url(std::string_view text) {
  const std::string scheme = to_lower(url_scheme(text));
  return scheme == "http" || scheme == "https";
}

SourceKind kind_of_source(std::string_view text) {
  const std::string scheme = to_lower(url_scheme(text));
  if (scheme == "git" || scheme == "ssh") return SourceKind::git;
  if (scheme == "http" || scheme == "https")
    return text.substr(0, text.find_first_of("#?")).ends_with(".git") ? SourceKind::git : SourceKind::url;
  return scheme.empty() && is_scp_form(text) ? SourceKind::git : SourceKind::path;
}

}  // namespace ecrin::recipes

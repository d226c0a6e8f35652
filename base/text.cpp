#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/utf8.hpp"

namespace ecrin {

CodePoint decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {.value = first, .length = 1};
  std::size_t length = 0;
  char32_t value = 0;
  char32_t least = 0;
  if ((first & 0xe0) == 0xc0) {
    length = 2, value = first & 0x1f, least = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    length = 3, value = first & 0x0f, least = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    length = 4, value = first & 0x07, least = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3f);
  }
  if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {.value = value, .length = length};
}

namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Controls, and the characters that change the order or the lines of what a terminal shows around them.
bool is_hidden(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

}  // namespace

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string unescape_mount_field(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string decode_percent(std::string_view text) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  const auto digit = [&](std::size_t at) {
    const char c = at < text.size() ? text[at] : ' ';
    return k_digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && digit(i + 1) != std::string_view::npos && digit(i + 2) != std::string_view::npos) {
      decoded += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (point.length == 0) return false;
    text.remove_prefix(point.length);
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  constexpr std::string_view k_ellipsis = "...";
  std::string result;
  std::size_t whole = 0;  // the longest beginning that leaves room for the ellipsis
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    const std::size_t length = std::max<std::size_t>(point.length, 1);
    if (point.length == 0 || is_hidden(point.value)) {
      for (const char c : text.substr(0, length)) {
        fmt::format_to(std::back_inserter(result), "\\x{:02x}", static_cast<unsigned char>(c));
      }
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(length);
    if (result.size() + k_ellipsis.size() <= limit) whole = result.size();
    if (result.size() > limit) {
      result.resize(whole);
      result += k_ellipsis.substr(0, limit - whole);
      return result;
    }
  }
  return result;
}

std::string shell_quote(std::string_view word) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           std::string_view("_-+./:,@%=").contains(c);
  };
  // A leading '=' is expanded by zsh.
  if (!word.empty() && word.front() != '=' && std::ranges::all_of(word, is_plain)) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 7> k_units = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 999.5 would be rounded to 1e+03 with three digits: it is 1 of the next unit.
  while (value >= 999.5 && unit + 1 < k_units.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.3g} {}", value, k_units[unit]);
}

std::string human_duration(double seconds) {
  const double bounded = std::clamp(seconds, 0.0, 1e15);
  const auto tenths = static_cast<std::int64_t>(std::llround(bounded * 10));
  if (tenths < 600) return fmt::format("{}.{}s", tenths / 10, tenths % 10);
  const auto whole = static_cast<std::int64_t>(std::llround(bounded));
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

Result<std::uint64_t> parse_unsigned(std::string_view text, std::uint64_t maximum) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) {
    return fail(ErrorKind::invalid, "'{}' is not a number", printable(text, 80));
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (maximum - std::min(digit, maximum)) / 10 || digit > maximum - value * 10) {
      return fail(ErrorKind::invalid, "'{}' is too large (at most {})", printable(text, 80), maximum);
    }
    value = value * 10 + digit;
  }
  return value;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorKind::invalid, "'{}' is not a size (as in 512, 64k, 1.5GiB)", printable(text, 80));
  };
  const auto number_end = std::ranges::find_if_not(text, [](char c) { return is_digit(c) || c == '.'; });
  std::string_view number(text.begin(), number_end);
  std::string unit = to_lower(std::string_view(number_end, text.end()));
  if (unit.starts_with(' ')) unit.erase(0, 1);
  int shift = 0;
  if (!unit.empty() && unit != "b") {
    constexpr std::string_view k_prefixes = "kmgtpe";
    const std::size_t index = k_prefixes.find(unit.front());
    const std::string_view rest = std::string_view(unit).substr(1);
    if (index == std::string_view::npos || (rest != "" && rest != "b" && rest != "i" && rest != "ib"))
      return bad();
    shift = 10 * (static_cast<int>(index) + 1);
  }
  const std::size_t point = number.find('.');
  const std::string_view whole_text = number.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? "" : number.substr(point + 1);
  if (whole_text.empty() || (point != std::string_view::npos && fraction.empty()) || fraction.contains('.')) {
    return bad();
  }
  const auto whole = parse_unsigned(whole_text, UINT64_MAX >> shift);
  if (!whole) return fail(ErrorKind::invalid, "the size '{}' is too large", printable(text, 80));
  // Nine digits are below a byte only for units above a gigabyte, where they are cut.
  fraction = fraction.substr(0, 9);
  std::uint64_t scaled = 0;
  std::uint64_t scale = 1;
  for (const char c : fraction) {
    scaled = scaled * 10 + static_cast<std::uint64_t>(c - '0');
    scale *= 10;
  }
  // fraction / scale * 2^shift, in two parts so that nothing overflows 64 bits.
  const int high_shift = std::min(shift, 30);
  const std::uint64_t high = scaled << high_shift;
  const int low_shift = shift - high_shift;
  const std::uint64_t part = (high / scale << low_shift) + ((high % scale << low_shift) / scale);
  const std::uint64_t base = *whole << shift;
  if (part > UINT64_MAX - base)
    return fail(ErrorKind::invalid, "the size '{}' is too large", printable(text, 80));
  return base + part;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr std::size_t k_bound = 4;
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() >= k_bound) return k_bound;
  // Optimal string alignment on three rows: two neighbours exchanged are one edit. Cells further than the
  // bound from the diagonal cannot matter, so long words cost no more than their length.
  std::vector<std::size_t> before(b.size() + 1, k_bound);
  std::vector<std::size_t> previous(b.size() + 1, k_bound);
  std::vector<std::size_t> current(b.size() + 1, k_bound);
  for (std::size_t j = 0; j <= std::min(b.size(), k_bound); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const std::size_t first = i > k_bound ? i - k_bound : 0;
    const std::size_t last = std::min(b.size(), i + k_bound);
    if (first == 0) current[0] = i;
    if (first > 0) current[first - 1] = k_bound;
    for (std::size_t j = std::max<std::size_t>(first, 1); j <= last; ++j) {
      std::size_t cost = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost = std::min({cost, previous[j] + 1, current[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost = std::min(cost, before[j - 2] + 1);
      current[j] = std::min(cost, k_bound);
    }
    if (last < b.size()) current[last + 1] = k_bound;
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t k_bound = 4;
  std::size_t best = std::min(k_bound, word.size());
  // A third of the word may be wrong: more is another word, and a hint that is none. Its end may be missing.
  const std::size_t limit = std::max<std::size_t>(1, (word.size() + 1) / 3);
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best || (distance > limit && !candidate.starts_with(word))) continue;
    best = distance;
    found = candidate;
  }
  return std::string(found);
}

}  // namespace ecrin

// Small text helpers that several modules need.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin {

std::vector<std::string> split(std::string_view text, char separator);  // "a,,b" has three parts; "" has one
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string_view trim(std::string_view text);  // ASCII white space, both ends
std::string to_lower(std::string_view text);   // ASCII
/// For people and logs: control characters, escape sequences and invalid UTF-8 become \xNN. Bounded to
/// `limit`.
std::string printable(std::string_view text, std::size_t limit = 4096);
std::string shell_quote(std::string_view word);
std::string human_size(std::uint64_t bytes);              // "1.2 MB" (powers of 1000, as podman prints)
std::string human_duration(double seconds);               // "0.3s", "1m12s"
Result<std::uint64_t> parse_size(std::string_view text);  // "512", "64k", "1.5GiB"; k=1024 as podman
Result<std::uint64_t> parse_unsigned(std::string_view text, std::uint64_t maximum = UINT64_MAX);
/// A field of /proc/self/mountinfo (proc(5)), where spaces and the like are "\040".
std::string unescape_mount_field(std::string_view text);
/// "%20" becomes a space; what is no escape stays.
std::string decode_percent(std::string_view text);
bool is_valid_utf8(std::string_view text);
/// Edit distance, bounded: anything above 3 may be returned as 4.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate nearest to `word`: at most 3 edits, which are a third of the word or complete it; empty:
/// none.
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

/// Seconds since 1970 as RFC 3339 in UTC ("1970-01-01T00:00:00Z"), and back (fractions are cut).
std::string format_time(std::int64_t seconds);
Result<std::int64_t> parse_time(std::string_view text);
/// Nanoseconds: "1m30s", "500ms"; each unit (h, m, s, ms) at most once, the larger first.
Result<std::int64_t> parse_duration(std::string_view text);

}  // namespace ecrin

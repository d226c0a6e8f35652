#include "fs/id_map.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace ecrin::fs {

namespace {

constexpr std::uint64_t k_ids = std::uint64_t{1} << 32;

bool overlap(const IdRange& a, const IdRange& b) {
  const std::uint64_t a_end = std::uint64_t{a.host_id} + a.size;
  const std::uint64_t b_end = std::uint64_t{b.host_id} + b.size;
  return a.host_id < b_end && b.host_id < a_end;
}

}  // namespace

Result<std::vector<IdRange>> parse_subid(std::string_view text, const std::string& user_name, uid_t user_id) {
  std::vector<IdRange> ranges;
  const std::string number = std::to_string(user_id);
  std::size_t line_number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++line_number;
    const std::vector<std::string> fields = split(trim(line), ':');
    // Others' lines; a user without a name must not be taken for a blank line.
    if (fields[0].empty() || (fields[0] != user_name && fields[0] != number)) continue;
    if (fields.size() != 3) {
      return fail(ErrorKind::invalid, "line {} is not 'name:first:count' but '{}'", line_number,
                  printable(line));
    }
    const auto first = parse_unsigned(fields[1], k_ids - 1);
    const auto count = parse_unsigned(fields[2], k_ids - 1);
    if (!first || !count || *first + *count > k_ids) {
      return fail(ErrorKind::invalid, "line {} has no range of ids: '{}'", line_number, printable(line));
    }
    if (*count == 0) continue;
    ranges.push_back({.container_id = 0,
                      .host_id = static_cast<std::uint32_t>(*first),
                      .size = static_cast<std::uint32_t>(*count)});
  }
  return ranges;
}

IdMap map_with_ranges(std::uint32_t own_id, const std::vector<IdRange>& ranges) {
  IdMap map = {{.container_id = 0, .host_id = own_id, .size = 1}};
  std::uint64_t next = 1;
  for (const IdRange& range : ranges) {
    // The kernel refuses a map that uses an id twice, so the second of two overlapping ranges is left out.
    if (range.size == 0 || next + range.size >= k_ids) continue;
    if (std::any_of(map.begin(), map.end(), [&](const IdRange& other) { return overlap(range, other); })) {
      continue;
    }
    map.push_back(
        {.container_id = static_cast<std::uint32_t>(next), .host_id = range.host_id, .size = range.size});
    next += range.size;
  }
  return map;
}

Result<IdMap> parse_id_map(std::string_view text) {
  IdMap map;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> fields = split(trim(line), ' ');
    std::erase(fields, "");
    if (fields.empty()) continue;
    if (fields.size() != 3) return fail(ErrorKind::invalid, "bad line in an id map: '{}'", printable(line));
    std::array<std::uint32_t, 3> numbers = {};
    for (std::size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = static_cast<std::uint32_t>(TRY(parse_unsigned(fields[i], UINT32_MAX)));
    map.push_back({.container_id = numbers[0], .host_id = numbers[1], .size = numbers[2]});
  }
  return map;
}

std::string format_id_map(const IdMap& map) {
  std::string text;
  for (const IdRange& range : map) {
    text += fmt::format("{} {} {}\n", range.container_id, range.host_id, range.size);
  }
  return text;
}

std::uint64_t contiguous_ids(const IdMap& map) {
  IdMap sorted = map;
  std::sort(sorted.begin(), sorted.end(),
            [](const IdRange& a, const IdRange& b) { return a.container_id < b.container_id; });
  std::uint64_t end = 0;
  for (const IdRange& range : sorted) {
    if (range.container_id > end) break;
    end = std::max(end, std::uint64_t{range.container_id} + range.size);
  }
  return end;
}

}  // namespace ecrin::fs

#include "cli/timestamp.hpp"

#include "base/text.hpp"

namespace ecrin::cli {

Result<std::optional<Timestamp>> requested_timestamp(const Arguments& arguments) {
  const auto text = arguments.find("timestamp");
  if (!text) return std::nullopt;
  if (*text == "now") return Timestamp{.now = true};
  const auto seconds = parse_unsigned(*text, INT64_MAX);
  if (!seconds)
    return fail(ErrorKind::invalid, "--timestamp is 'now' or seconds since 1970, not '{}'", printable(*text));
  return Timestamp{.seconds = static_cast<std::int64_t>(*seconds)};
}

}  // namespace ecrin::cli

#include "cli/key_values.hpp"

#include "base/text.hpp"

namespace ecrin::cli {

Result<> add_key_value(KeyValues& pairs, const std::string& text, std::string_view flag) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || text.empty())
    return fail(ErrorKind::invalid, "--{} is KEY=VALUE, not '{}'", flag, printable(text, 200));
  pairs[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  return {};
}

Result<KeyValues> parse_key_values(const std::vector<std::string>& texts, std::string_view flag) {
  KeyValues pairs;
  for (const std::string& text : texts) TRY(add_key_value(pairs, text, flag));
  return pairs;
}

}  // namespace ecrin::cli

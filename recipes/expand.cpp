#include "recipes/expand.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/diagnostics.hpp"

namespace ecrin::recipes {
namespace {

bool starts_name(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}
bool continues_name(char c) {
  return starts_name(c) || (c >= '0' && c <= '9');
}

std::size_t name_length(std::string_view text) {
  if (text.empty() || !starts_name(text[0])) return 0;
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), continues_name) - text.begin());
}

std::unexpected<ExpandFailure> refuse(std::size_t begin, std::size_t length, std::string message,
                                      std::string hint = {}) {
  return std::unexpected(ExpandFailure{
      .begin = begin, .length = length, .message = std::move(message), .hint = std::move(hint)});
}

std::string near_argument(std::string_view name, const Arguments& arguments) {
  std::vector<std::string_view> names;
  names.reserve(arguments.size());
  for (const auto& [known, value] : arguments) names.push_back(known);
  // Arguments are upper case by habit: compare as written, then without regard to case.
  if (const std::string near = nearest(name, names); !near.empty())
    return fmt::format(" (did you mean '{}'?)", near);
  for (const std::string_view known : names) {
    if (to_lower(known) == to_lower(name)) return fmt::format(" (did you mean '{}'?)", known);
  }
  return "";
}

}  // namespace

bool is_variable_name(std::string_view name) {
  return !name.empty() && name_length(name) == name.size();
}

std::expected<std::string, ExpandFailure> expand(std::string_view text, const Arguments& arguments,
                                                 std::size_t& budget) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    std::string_view piece = text.substr(at, 1);
    std::size_t consumed = 1;
    if (text.substr(at).starts_with("$$")) {
      consumed = 2;
    } else if (text.substr(at).starts_with("${")) {
      const std::size_t close = text.find('}', at);
      if (close == std::string_view::npos) {
        return refuse(at, 2, "'${' without its '}'", "write '$$' for a dollar sign");
      }
      consumed = close + 1 - at;
      const std::string_view inner = text.substr(at + 2, close - at - 2);
      const std::string_view name = inner.substr(0, name_length(inner));
      const std::string_view rest = inner.substr(name.size());
      const bool has_default = rest.starts_with(":-");
      if (name.empty() || (!rest.empty() && !has_default)) {
        return refuse(at, consumed,
                      fmt::format("'{}' is not understood", printable(text.substr(at, consumed), 80)),
                      "there are ${NAME} and ${NAME:-default}; write '$$' for a dollar sign");
      }
      if (rest.contains("${")) {
        return refuse(at, consumed, "a default inside '${...}' is literal text, without another '${'");
      }
      const auto found = arguments.find(name);
      if (found == arguments.end()) {
        return std::unexpected(ExpandFailure{
            .begin = at,
            .length = consumed,
            .message = fmt::format("no argument '{}' is declared{}", name, near_argument(name, arguments)),
            .hint =
                fmt::format("declare it under 'args', or write '$${{{}}}' if it is meant for a shell", name),
            .undeclared = std::string(name)});
      }
      const std::optional<std::string>& value = found->second;
      if (has_default && (!value || value->empty())) {
        piece = rest.substr(2);
      } else if (!value) {
        return refuse(at, consumed, fmt::format("argument '{}' has no value", name),
                      fmt::format("give --build-arg {}=..., or a default under 'args'", name));
      } else {
        piece = *value;
      }
    }
    if (piece.size() > budget) {
      return std::unexpected(ExpandFailure{.kind = ErrorKind::limit,
                                           .begin = at,
                                           .length = consumed,
                                           .message = std::string(k_expansion_limit_message)});
    }
    budget -= piece.size();
    result += piece;
    at += consumed;
  }
  return result;
}

std::vector<Mention> mentioned_variables(std::string_view script) {
  std::vector<Mention> result;
  for (std::size_t at = script.find('$'); at != std::string_view::npos; at = script.find('$', at)) {
    const std::size_t dollar = at++;
    if (script.substr(at).starts_with('$')) {  // $$ is the shell's process id
      ++at;
      continue;
    }
    const bool braced = script.substr(at).starts_with('{');
    if (braced) ++at;
    if (braced && script.substr(at).starts_with('#')) ++at;  // ${#NAME}: its length
    const std::size_t length = name_length(script.substr(at));
    if (length == 0) continue;
    Mention mention{.name = std::string(script.substr(at, length)), .begin = dollar};
    at += length;
    if (braced) {
      mention.has_operator = !script.substr(at).starts_with('}');
      if (!mention.has_operator) ++at;
    }
    mention.length = at - dollar;
    result.push_back(std::move(mention));
  }
  return result;
}

}  // namespace ecrin::recipes

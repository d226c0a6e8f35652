// Containerfiles of the tests as recipes, or as the message that refuses them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "recipes/containerfile/lower.hpp"
#include "tests/support/catch.hpp"

namespace ecrin::recipes::containerfile {

struct Request {
  std::map<std::string, std::string> args = {};
  std::string target = {};
  std::optional<oci::Platform> platform = {};
  std::map<std::string, oci::ImageConfig> images = {{"base", {}}};
  std::map<std::string, std::string> host_args = {};
  std::set<std::string, std::less<>> replaced = {};
};

inline Result<Lowered> try_lower(std::string_view text, const Request& request = {}) {
  const SourceText source("Containerfile", text);
  const Containerfile file = TRY(parse_containerfile(source));
  return lower(
      file, source,
      {.file = "Containerfile",
       .args = request.args,
       .host_args = request.host_args,
       .target = request.target,
       .platform = request.platform,
       .base_config = [&](const std::string& name, const oci::Platform&) -> Result<oci::ImageConfig> {
         const auto found = request.images.find(name);
         if (found == request.images.end()) return fail(ErrorKind::not_found, "no image '{}'", name);
         return found->second;
       },
       .is_replaced = [&](std::string_view name) { return request.replaced.contains(name); }});
}

inline Lowered lowered(std::string_view text, const Request& request = {}) {
  auto result = try_lower(text, request);
  INFO(text);
  INFO((result ? "" : result.error().message()));
  REQUIRE(result);
  return std::move(*result);
}

/// The message without place and source line.
inline std::string refusal(std::string_view text, const Request& request = {}) {
  const auto result = try_lower(text, request);
  if (result) return "accepted";
  std::string message = result.error().message();
  message.resize(std::min(message.find('\n'), message.size()));
  const std::size_t place = message.find(": ");
  return message.starts_with("Containerfile:") ? message.substr(place + 2) : message;
}

/// Steps of one kind in the last stage.
template <class T>
std::vector<T> steps(const Lowered& result) {
  std::vector<T> found;
  for (const Step& step : result.recipe.stages.back().steps) {
    if (const auto* kind = std::get_if<T>(&step.kind)) found.push_back(*kind);
  }
  return found;
}

/// The last step of instructions on top of 'base'.
template <class T>
T last_step(std::string_view instructions, const Request& request = {}) {
  const Lowered result = lowered("FROM base\n" + std::string(instructions), request);
  REQUIRE_FALSE(result.recipe.stages.back().steps.empty());
  const auto* kind = std::get_if<T>(&result.recipe.stages.back().steps.back().kind);
  REQUIRE(kind);
  return *kind;
}

inline std::string step_refusal(std::string_view instructions, const Request& request = {}) {
  return refusal("FROM base\n" + std::string(instructions), request);
}

inline std::vector<KeyValue> args_of(const Lowered& result) {
  std::vector<KeyValue> args;
  for (const Argument& arg : result.recipe.args) args.emplace_back(arg.name, arg.value);
  return args;
}

using Texts = std::vector<std::string>;
using Pairs = std::vector<KeyValue>;

}  // namespace ecrin::recipes::containerfile

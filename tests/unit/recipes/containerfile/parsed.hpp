// Containerfiles of the tests, as values or as the message that refuses them.
#pragma once

#include <string>
#include <string_view>

#include "base/text.hpp"
#include "recipes/containerfile/syntax.hpp"
#include "tests/support/catch.hpp"

namespace ecrin::recipes::containerfile {

inline Containerfile parsed(std::string_view text) {
  Result<Containerfile> file = parse_containerfile(SourceText("Containerfile", text));
  INFO((file ? "" : file.error().message()));
  REQUIRE(file);
  return std::move(*file);
}

inline std::string refusal(std::string_view text) {
  const Result<Containerfile> file = parse_containerfile(SourceText("Containerfile", text));
  return file ? "accepted" : file.error().message();
}

/// The last instruction of a file that begins with FROM.
template <class T>
T last(std::string_view instructions) {
  const Containerfile file = parsed("FROM scratch\n" + std::string(instructions));
  const T* found = file.instructions.back().as<T>();
  REQUIRE(found);
  return *found;
}

inline std::string script(std::string_view instructions) {
  return last<RunInstruction>(instructions).command.script;
}

inline std::vector<std::string> texts(const std::vector<Word>& words) {
  std::vector<std::string> result;
  for (const Word& word : words) result.push_back(word.text);
  return result;
}

/// Of one instruction after FROM: the message without place and source line.
inline std::string refused(std::string_view instruction) {
  std::string message = refusal("FROM scratch\n" + std::string(instruction));
  message.resize(std::min(message.find('\n'), message.size()));
  const std::size_t place = message.find(": ");
  return place == std::string::npos ? message : message.substr(place + 2);
}

}  // namespace ecrin::recipes::containerfile

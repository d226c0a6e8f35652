// What the fuzzers share. A fuzzer is one file NAME_fuzzer.cpp with libFuzzer's entry point; CMakeLists.txt
// says how it is run. It never fails for what the input says, only for what the parser does with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/posix.hpp"
#include "base/stream.hpp"

/// libFuzzer's name. Where all fuzzers are in one program (replay.cpp), each file is compiled with another.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ecrin::fuzz {

/// A property that holds for every input.
inline void require(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes the first line away, without its end.
inline std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// A parser that wants a file gets one in memory, at path().
class MemoryFile {
public:
  explicit MemoryFile(std::string_view bytes)
      : m_fd(posix::sealed_memory_file("fuzzed", as_bytes(bytes)).value()) {}
  const Fd& fd() const { return m_fd; }
  std::string path() const { return posix::fd_path(m_fd); }

private:
  Fd m_fd;
};

}  // namespace ecrin::fuzz

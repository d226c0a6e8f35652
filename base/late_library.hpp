// A shared library that is loaded when it is first needed (dlopen(3)), not with the program: what a large one
// brings along costs every start milliseconds, and most starts do not need it. A file of ours defines the
// library's functions as ones that call the real ones (LATE_FUNCTION), so that all other code is written as
// if it were linked.
#pragma once

#include <mutex>
#include <string>

#include "base/error.hpp"

namespace ecrin {

class LateLibrary {
public:
  /// `name` for dlopen: "libcurl.so.4"; `package`: what has it in Debian, for the hint.
  constexpr LateLibrary(const char* name, const char* package) : m_name(name), m_package(package) {}

  /// To be asked before any of its functions is called. It stays until the process ends.
  Result<> load();
  /// Of a loaded library. A function that is missing ends the process: the library is not the one that its
  /// name says.
  void* function(const char* name);

private:
  const char* m_name;
  const char* m_package;
  std::mutex m_mutex;
  void* m_handle = nullptr;
};

}  // namespace ecrin

/// LATE_FUNCTION(library, int, name, (int a, int b), (a, b))
#define LATE_FUNCTION(library, result, name, parameters, arguments)                          \
  result name parameters {                                                                   \
    static const auto real = reinterpret_cast<decltype(&::name)>((library).function(#name)); \
    return real arguments;                                                                   \
  }

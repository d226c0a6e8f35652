// Error: the one error value of the project. It says what failed and on what; levels above add what they
// were doing ("while ..."), and the place that knows the cause may add one hint: what the user can do.
//
// Errors are values with a kind and, for system errors, the errno: callers branch on those, never on text.
// Only cli/ prints them. Messages are lower case, without a full stop; outside text in them (names out of
// layers, output of programs) is escaped with `printable()` of base/text.hpp.
#pragma once

#include <fmt/core.h>

#include <cerrno>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ecrin {

enum class ErrorKind {
  system,       // a system call failed: code() is its errno
  not_found,    // the named thing does not exist
  denied,       // not allowed (permissions, policy, kernel settings)
  invalid,      // input from outside is wrong: a recipe, a layer, a manifest, a flag's value
  unsupported,  // right, but not possible on this host or in this version
  conflict,     // exists already, or is in use
  network,      // a transfer failed
  cancelled,    // the user stopped it
  limit,        // a stated bound was exceeded (size, count, depth, time)
  // The program that the user asked for, as told by who tried to execute it (the shell's 127 and 126):
  program_not_found,
  program_not_executable,
};

class [[nodiscard]] Error {
public:
  Error(ErrorKind kind, std::string message);

  /// "cannot open 'x': No such file or directory". The kind follows from the errno (ENOENT: not_found,
  /// EACCES and EPERM: denied, EEXIST and EBUSY: conflict, else system).
  static Error from_errno(int code, std::string_view action);

  /// Adds one line of "while ..." (give it without the word "while"). Outer levels add later.
  Error&& context(std::string while_doing) &&;
  /// What the user can do. The first hint wins: the level nearest to the cause knows best.
  Error&& hint(std::string what_to_do) &&;

  ErrorKind kind() const { return m_kind; }
  int code() const { return m_code; }  // errno, or 0
  const std::string& message() const { return m_message; }
  const std::vector<std::string>& trace() const { return m_trace; }  // innermost first
  const std::string& hint_text() const { return m_hint; }

  /// One value for a socket between processes, and back. parse() refuses what serialise() cannot have made.
  std::string serialise() const;
  static std::optional<Error> parse(std::string_view bytes);

private:
  ErrorKind m_kind;
  int m_code = 0;
  std::string m_message;
  std::vector<std::string> m_trace;
  std::string m_hint;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(ErrorKind::invalid, "bad digest '{}'", text);`
template <class... Args>
std::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error(kind, fmt::format(format, std::forward<Args>(args)...)));
}
/// `if (fd < 0) return fail_errno("cannot open '{}'", path);` Reads errno first.
template <class... Args>
std::unexpected<Error> fail_errno(fmt::format_string<Args...> format, Args&&... args) {
  const int code = errno;
  return std::unexpected(Error::from_errno(code, fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace ecrin

#define ECRIN_CONCAT_(a, b) a##b
#define ECRIN_CONCAT(a, b) ECRIN_CONCAT_(a, b)

// TRY(expression): the value, or return the error from this function (or lambda).
#define ECRIN_TRY_(name, expression)                   \
  __extension__({                                      \
    auto name = (expression);                          \
    if (!name) [[unlikely]]                            \
      return std::unexpected(std::move(name).error()); \
    std::move(name).value();                           \
  })
#define TRY(...) ECRIN_TRY_(ECRIN_CONCAT(try_result_, __COUNTER__), (__VA_ARGS__))

// TRY_WHILE(expression, "unpacking layer {}", n): as TRY, with a line of context made only on failure.
#define ECRIN_TRY_WHILE_(name, expression, ...)                                          \
  __extension__({                                                                        \
    auto name = (expression);                                                            \
    if (!name) [[unlikely]]                                                              \
      return std::unexpected(std::move(name).error().context(fmt::format(__VA_ARGS__))); \
    std::move(name).value();                                                             \
  })
#define TRY_WHILE(expression, ...) \
  ECRIN_TRY_WHILE_(ECRIN_CONCAT(try_result_, __COUNTER__), (expression), __VA_ARGS__)

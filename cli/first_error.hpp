// FirstError: for verbs that go on after an error, so that what is wrong with one thing does not keep others
// from being done. The first error is the verb's, and told at its end; the others are told as they come.
#pragma once

#include <optional>

#include "cli/arguments.hpp"
#include "cli/status_line.hpp"

namespace ecrin::cli {

class FirstError {
public:
  explicit FirstError(StatusLine& console) : m_console(console) {}

  /// Was it done?
  bool done(Result<> result) {
    if (result) return true;
    if (m_error) {
      m_console.print("error: " + result.error().message());
    } else {
      m_error = std::move(result).error();
    }
    return false;
  }
  struct Codes {
    int not_found = 125;
    int conflict = 125;  // it is in use
  };
  /// Of the verb, with its exit code.
  Outcome outcome(const Codes& codes) && {
    if (!m_error) return 0;
    const ErrorKind kind = m_error->kind();
    const int code = kind == ErrorKind::not_found  ? codes.not_found
                     : kind == ErrorKind::conflict ? codes.conflict
                                                   : 125;
    return std::unexpected(Failure(*std::move(m_error), code));
  }

private:
  StatusLine& m_console;
  std::optional<Error> m_error;
};

}  // namespace ecrin::cli

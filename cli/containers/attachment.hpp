// The user's side of an attached container: bytes and signals between the user's terminal or pipes and the
// container's monitor.
#pragma once

#include <optional>
#include <string>

#include "cli/arguments.hpp"
#include "cli/terminal.hpp"

namespace ecrin::cli {

/// "ctrl-p,ctrl-q", "ctrl-a,x"; "": no keys detach.
Result<std::string> parse_detach_keys(std::string_view text);

/// Looks for the detach keys in what is typed. What could be their beginning is kept back until it is clear.
class DetachFilter {
public:
  explicit DetachFilter(std::string keys) : m_keys(std::move(keys)) {}
  /// What goes to the program; `detached` when the keys were complete.
  std::string pass(std::string_view typed, bool& detached);

private:
  std::string m_keys;
  std::size_t m_seen = 0;
};

struct AttachOptions {
  bool terminal = false;    // the container's
  bool input = false;       // ours goes to the program
  bool signals = true;      // so do signals
  std::string detach_keys;  // as bytes; "": none
};

struct AttachEnd {
  bool detached = false;
  int code = 0;
  bool out_of_memory = false;
};

/// Until the container's program ends, the user detaches, or the monitor is gone (an error). `socket` is
/// attached already.
Result<AttachEnd> attend_container(const Fd& socket, const SignalQueue& signals,
                                   const AttachOptions& options);

}  // namespace ecrin::cli

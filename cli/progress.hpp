// How a build is shown while it goes: live on a terminal, as plain lines, as JSON lines, or not at all. All
// of it on standard error.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "build/observer.hpp"
#include "cli/environment.hpp"
#include "cli/status_line.hpp"
#include "recipes/excerpt.hpp"

namespace ecrin::cli {

enum class ProgressKind { automatic, terminal, plain, json, quiet };
Result<ProgressKind> parse_progress(std::string_view name);

struct BuildSummary {
  std::string image_id;  // "sha256:..."
  std::string manifest;  // "sha256:..."
  std::vector<std::string> names;
  double seconds = 0;
  std::size_t steps_run = 0;
  std::size_t steps_cached = 0;
};

/// Where a build failed, as far as that is known.
struct FailurePlace {
  std::string file;
  int line = 0;  // 0: not known
  std::size_t step = 0;
  int exit_code = 0;  // of its command
  std::vector<recipes::ExcerptLine> lines;
};

class Progress : public build::BuildObserver {
public:
  /// The last calls of a build: one of them, once, from the thread that started it.
  virtual void succeeded(const BuildSummary& summary) = 0;
  virtual void failed(const Error& error, const FailurePlace& place) = 0;
  /// Does failed() tell the error itself, so that nobody else must?
  virtual bool reports_errors() const { return false; }
};

struct ProgressStyle {
  Colour colour = Colour::no;
  bool utf8 = false;
};
/// Seconds since some fixed point.
using Clock = std::function<double()>;
Clock steady_clock();

std::unique_ptr<Progress> make_progress(ProgressKind kind, StatusLine& console, const ProgressStyle& style,
                                        Clock clock);

}  // namespace ecrin::cli

// Ecrin: the real program on a store of one test's own.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/scratch.hpp"

namespace ecrin::tests {

/// One finished step as `--progress json` tells it.
struct StepReport {
  std::string text;
  std::string state;  // done, cached, failed, cancelled
  std::vector<std::string> reasons;
};

class Ecrin {
public:
  enum class Base { none, busybox };
  /// `base` busybox: the store has localhost/busybox:latest.
  explicit Ecrin(Base base = Base::busybox);

  /// Runs `ecrin --root STORE [--driver D] ARGUMENTS...` to its end.
  Outcome operator()(Arguments arguments) const;
  /// The same, and it must succeed: its standard output without the last newline.
  std::string must(Arguments arguments) const;
  nlohmann::json json(Arguments arguments) const;
  /// For tests that set environment, input, directory or time-out themselves.
  Invocation invocation(Arguments arguments) const;

  /// Builds the recipe text with this test's context directory; returns the image ID ("sha256:...").
  std::string build(const std::string& recipe, Arguments flags = {}) const;
  /// The same without judging: for builds that fail, and for what a build says.
  Outcome try_build(const std::string& recipe, Arguments flags = {}) const;
  Invocation build_invocation(const std::string& recipe, Arguments flags = {}) const;
  /// `ecrin run --rm IMAGE COMMAND...`, which must succeed: its standard output.
  std::string in_container(const std::string& image, Arguments command) const;
  /// The first object of `ecrin inspect IMAGE`.
  nlohmann::json inspect(const std::string& image) const;
  std::vector<std::string> diff_ids(const std::string& image) const;

  Scratch& scratch() { return m_scratch; }
  const Scratch& scratch() const { return m_scratch; }
  /// A file of the build context, made on demand: context("src/a.c", "...").
  void context(const std::string& name, std::string_view content, mode_t mode = 0644) const;
  std::string context_directory() const { return m_scratch / "context"; }
  const std::string& root() const { return m_root; }
  /// The store as it is, for "nothing changed": images and names, and the blobs.
  std::string store_state() const;

  /// Trees under the store's tmp/. (The empty lock file of a dead process may stay until the next prune.)
  std::vector<std::string> left_behind() const;

  std::string driver;                              // "" = ecrin's own choice; starts as the run's
  std::map<std::string, std::string> environment;  // on top of PATH, HOME and LANG
  int umask = 022;

private:
  std::vector<std::string> left_now() const;
  Scratch m_scratch;
  std::string m_root;
};

/// `ecrin run --rm FLAGS IMAGE COMMAND...`, and what it writes to standard output where it must succeed.
Outcome run_in(const Ecrin& ecrin, Arguments flags, Arguments command = {},
               const std::string& image = "busybox");
std::string out_of(const Ecrin& ecrin, Arguments flags, Arguments command,
                   const std::string& image = "busybox");

/// The JSON lines on standard error of a build with --progress json.
std::vector<StepReport> step_reports(const Outcome& build);
std::size_t count_state(const std::vector<StepReport>& steps, const std::string& state);
/// "sha256:" added where it is not there: tools differ.
std::string full_id(const std::string& id);
/// What a refusal must look like: this exit code, and on standard error one message for people, no dump.
bool one_error(const Outcome& outcome);

}  // namespace ecrin::tests

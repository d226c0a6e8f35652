// What the tests of shared caches share: stores as machines, a cache in memory that counts and misbehaves,
// and an executor without containers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/posix.hpp"
#include "build/session.hpp"
#include "build/shared_document.hpp"
#include "tests/unit/build/fixture.hpp"

namespace ecrin::build::testing {

using Words = std::vector<std::string>;

/// A registry's repository, as far as a cache needs one.
struct MemoryPlace {
  std::string name = "memory";
  std::mutex mutex;
  std::map<oci::Digest, std::string> blobs;
  std::map<oci::Digest, oci::RawManifest> manifests;
  std::optional<oci::RawManifest> top;
  int fetched = 0, sent = 0, written = 0;  // layers, layers, rows
  int traces_fetched = 0, traces_sent = 0;
  std::function<void()> before_rows;
  /// Of a layer that is asked for: in place of its bytes.
  std::function<std::unique_ptr<Source>(std::string bytes, const CancelToken* cancel)> change_layer;
  std::optional<Error> failure;  // of every use

  CachePlace place();
  CacheTarget target(bool all_steps = true);
  /// Writes rows as another builder would.
  void write(const SharedRows& rows);
  SharedRows rows();
};

/// A script writes a file with its name, the tree's height and, after "random", something else each time.
/// "slow" takes long enough to be worth a transfer, "fail" is an error. With the traced cache it also has a
/// trace: a script that ends with "uses X" read the file of the script X.
class FakeExecutor final : public StepExecutor {
public:
  using Before = std::function<void(const std::string& script)>;
  FakeExecutor(Session& session, Before before) : m_session(session), m_before(std::move(before)) {}
  Result<StepOutcome> execute(const StepScope& scope) override;
  Words ran;

private:
  Session& m_session;
  Before m_before;
  std::mutex m_mutex;
};

class Recorder final : public BuildObserver {
public:
  void planned(std::size_t) override {}
  void step_started(const StepInfo&) override {}
  void step_output(const StepInfo&, std::string_view) override {}
  void step_finished(const StepInfo& step, const StepResult& result) override {
    ++finished;
    results[step.text] = result;
  }
  void note(const std::string& message) override { notes.push_back(message); }
  std::size_t finished = 0;
  std::map<std::string, StepResult> results;
  Words notes;
};

struct Built {
  Result<BuildResult> result;
  Words ran;
  Recorder observer;
};

/// One machine: a store and a context of its own.
struct Machine {
  TemporaryDirectory scratch;
  std::unique_ptr<Workshop> workshop = open_workshop(scratch.path() + "/store");
  BuildOptions options;
  FakeExecutor::Before before_step;  // that runs

  Machine();
  Built build(const recipes::Recipe& recipe);
  Built build(const recipes::Recipe& recipe, MemoryPlace& cache);
};

recipes::Step script(std::string text);
recipes::Step env();
recipes::Step copy_from(std::string stage);
recipes::Stage stage(std::string name, std::vector<recipes::Step> steps);
recipes::Recipe recipe_of(std::vector<recipes::Stage> stages);
recipes::Recipe single(std::vector<recipes::Step> steps);
bool has_note(const Built& built, std::string_view part);

}  // namespace ecrin::build::testing

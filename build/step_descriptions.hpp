// StepDescriptions: what the programs of RUN steps got (build/step_spec.hpp), kept beside what they used
// (build/step_traces.hpp), so that a step can run again on another tree without its recipe (`ecrin rebase`).
// Table `build_descriptions`. Internal to build/.
#pragma once

#include <optional>
#include <string>

#include "base/database.hpp"
#include "build/session.hpp"
#include "build/step_spec.hpp"

namespace ecrin::build {

class StepDescriptions {
public:
  /// The table; after those of the build cache.
  static Result<> migrate(Database& database);
  explicit StepDescriptions(Database& database) : m_database(database) {}

  /// `key` is that of the row in the build cache, which must be there: a new row under a key takes the
  /// description of the one before away.
  Result<> add(const std::string& key, const StepSpec& spec);
  /// None: not kept, or by another version in another form.
  Result<std::optional<StepSpec>> of(const std::string& key);

private:
  Database& m_database;
};

/// Of a step of this build. Which layers it stands on is not in it.
StepSpec describe_step(const Session& session, const PreparedStep& step, const recipes::RunStep& run);

}  // namespace ecrin::build

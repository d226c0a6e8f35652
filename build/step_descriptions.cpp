#include "build/step_descriptions.hpp"

#include <array>

namespace ecrin::build {
namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"sql(
CREATE TABLE build_descriptions (
  key TEXT PRIMARY KEY,  -- of build_steps
  step TEXT NOT NULL     -- encode_step
) WITHOUT ROWID;
CREATE TRIGGER build_descriptions_of_new AFTER INSERT ON build_steps
  BEGIN DELETE FROM build_descriptions WHERE key = NEW.key; END;
CREATE TRIGGER build_descriptions_of_old AFTER DELETE ON build_steps
  BEGIN DELETE FROM build_descriptions WHERE key = OLD.key; END;
)sql"};

}  // namespace

Result<> StepDescriptions::migrate(Database& database) {
  return database.migrate("build_descriptions", k_schema);
}

Result<> StepDescriptions::add(const std::string& key, const StepSpec& spec) {
  auto lock = m_database.lock();
  auto insert =
      TRY(m_database.prepare("INSERT OR REPLACE INTO build_descriptions (key, step) VALUES (?1, ?2)"));
  return insert.bind(1, key).bind(2, encode_step(spec)).run();
}

Result<std::optional<StepSpec>> StepDescriptions::of(const std::string& key) {
  auto lock = m_database.lock();
  auto select = TRY(m_database.prepare("SELECT step FROM build_descriptions WHERE key = ?1"));
  select.bind(1, key);
  if (TRY(select.step()) != Statement::Step::row) return std::nullopt;
  return decode_step(select.text(0));
}

StepSpec describe_step(const Session& session, const PreparedStep& step, const recipes::RunStep& run) {
  StepSpec spec;
  spec.run = run;
  spec.before = *step.before;
  spec.shell = step.shell;
  spec.platform = step.platform;
  // A context that was unpacked goes with the build.
  if (session.options.context_name.empty()) {
    spec.context_directory = session.options.context_directory;
    spec.recipe_file = session.options.recipe_file;
    spec.ignore_file = session.options.ignore_file;
  }
  spec.clamp = session.time.clamp;
  spec.network = session.options.network;
  spec.settings = session.options.run;
  return spec;
}

}  // namespace ecrin::build

#include "build/kept_steps.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

namespace {

// A recipe that fails again and again while somebody works on it needs its last few states only.
constexpr std::size_t k_kept_per_recipe = 3;
constexpr std::size_t k_kept = 20;

constexpr std::array<std::string_view, 1> k_schema = {R"(
CREATE TABLE kept_steps (
  id TEXT PRIMARY KEY,
  created INTEGER NOT NULL,
  context TEXT NOT NULL,
  file TEXT NOT NULL,
  line INTEGER NOT NULL,
  stage TEXT NOT NULL,
  number INTEGER NOT NULL,
  text TEXT NOT NULL,
  exit_code INTEGER NOT NULL,
  own_layer TEXT NOT NULL,    -- directory id in the layer store; '': the step had changed nothing
  layers TEXT NOT NULL,       -- directory ids of all layers that it needs, with blanks between
  spec TEXT NOT NULL          -- encode_step
);
)"};

constexpr std::string_view k_columns =
    "SELECT id, created, context, file, line, stage, number, text, exit_code, own_layer, layers, spec "
    "FROM kept_steps ORDER BY rowid DESC";

KeptStep read_row(Statement& row) {
  KeptStep step;
  step.id = row.text(0);
  step.created = row.integer(1);
  step.context = row.text(2);
  step.file = row.text(3);
  step.line = static_cast<int>(row.integer(4));
  step.stage = row.text(5);
  step.number = static_cast<std::size_t>(row.integer(6));
  step.text = row.text(7);
  step.exit_code = static_cast<int>(row.integer(8));
  step.own_layer = row.text(9);
  if (const std::string layers = row.text(10); !layers.empty()) step.layers = split(layers, ' ');
  step.spec = row.text(11);
  return step;
}

}  // namespace

Result<> KeptSteps::migrate(Database& database) {
  return database.migrate("kept_steps", k_schema);
}

Result<std::vector<std::string>> KeptSteps::add(const KeptStep& step) {
  {
    auto lock = m_database->lock();
    auto insert = TRY(
        m_database->prepare("INSERT INTO kept_steps (id, created, context, file, line, stage, number, text, "
                            "exit_code, own_layer, layers, spec) "
                            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"));
    TRY(insert.bind(1, step.id)
            .bind(2, step.created)
            .bind(3, step.context)
            .bind(4, step.file)
            .bind(5, static_cast<std::int64_t>(step.line))
            .bind(6, step.stage)
            .bind(7, static_cast<std::int64_t>(step.number))
            .bind(8, step.text)
            .bind(9, static_cast<std::int64_t>(step.exit_code))
            .bind(10, step.own_layer)
            .bind(11, join(step.layers, " "))
            .bind(12, step.spec)
            .run());
  }
  std::vector<std::string> surplus;
  std::size_t all = 0;
  std::size_t of_recipe = 0;
  for (const KeptStep& other : TRY(list())) {
    const bool same = other.context == step.context && other.file == step.file;
    if (same) ++of_recipe;
    if (++all > k_kept || (same && of_recipe > k_kept_per_recipe)) surplus.push_back(other.id);
  }
  return surplus;
}

Result<std::vector<KeptStep>> KeptSteps::list() {
  auto lock = m_database->lock();
  auto select = TRY(m_database->prepare(std::string(k_columns)));
  std::vector<KeptStep> steps;
  while (TRY(select.step()) == Statement::Step::row) steps.push_back(read_row(select));
  return steps;
}

Result<KeptStep> KeptSteps::find(const std::string& words) {
  std::vector<KeptStep> steps = TRY(list());
  if (steps.empty()) return fail(ErrorKind::not_found, "no failed step is kept");
  if (words.empty()) return std::move(steps.front());
  std::erase_if(steps, [&](const KeptStep& step) { return !step.id.starts_with(words); });
  if (steps.size() == 1) return std::move(steps.front());
  auto error = Error(
      steps.empty() ? ErrorKind::not_found : ErrorKind::conflict,
      fmt::format("{} kept step is called '{}'", steps.empty() ? "no" : "more than one", printable(words)));
  return std::unexpected(std::move(error).hint("'ecrin debug --list' lists them"));
}

Result<> KeptSteps::remove_row(const std::string& id) {
  auto remove = TRY(m_database->prepare("DELETE FROM kept_steps WHERE id = ?1"));
  return remove.bind(1, id).run();
}

Result<std::vector<std::string>> remove_kept_steps(Workshop& workshop, const std::vector<std::string>& ids) {
  Database& database = workshop.store().database();
  KeptSteps steps(database);
  std::vector<std::string> busy;
  {
    auto transaction = TRY(database.begin());
    const std::vector<std::string> held = TRY(workshop.store().held("layer"));
    for (const KeptStep& step : TRY(steps.list())) {
      if (std::ranges::find(ids, step.id) == ids.end()) continue;
      if (!step.own_layer.empty() && std::ranges::find(held, step.own_layer) != held.end()) {
        busy.push_back(step.id);
        continue;
      }
      TRY(steps.remove_row(step.id));
      // Nothing else names it: it is no result of a step, and no image's. A prune may have been faster.
      if (step.own_layer.empty()) continue;
      if (auto retired = workshop.layers().retire(step.own_layer);
          !retired && retired.error().kind() != ErrorKind::not_found) {
        return std::unexpected(std::move(retired).error());
      }
    }
    TRY(transaction.commit());
  }
  const Fd temporary = TRY(workshop.store().temporary());
  for (const std::string& name : TRY(workshop.layers().sweep())) TRY(fs::remove_tree(temporary, name));
  return busy;
}

}  // namespace ecrin::build

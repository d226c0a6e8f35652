#include "build/until.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "build/plan.hpp"

namespace ecrin::build {

namespace {

struct Place {
  std::size_t stage = 0;  // in the recipe
  std::size_t steps = 0;  // of it, that stay
};

// Steps of a plan that no step of the recipe stands for: `from`, and what a stage says by itself.
std::size_t leading_steps(const PlanStage& stage) {
  return stage.last - stage.first + 1 - stage.stage->steps.size();
}

Place place_of(const recipes::Recipe& recipe, const Plan& plan, const PlanStep& step) {
  const PlanStage& stage = plan.stages[step.stage];
  const std::size_t leading = leading_steps(stage);
  return {.stage = static_cast<std::size_t>(stage.stage - recipe.stages.data()),
          .steps = step.ordinal < leading ? 0 : step.ordinal + 1 - leading};
}

Result<Place> at_number(const recipes::Recipe& recipe, const std::string& target, std::size_t number) {
  const Plan plan = TRY(make_plan(recipe, target));
  if (number == 0 || number > plan.steps.size()) {
    auto error = Error(ErrorKind::not_found,
                       fmt::format("there is no step {}: the build has {}", number, plan.steps.size()));
    return std::unexpected(std::move(error).hint("a line of the recipe is ':LINE'"));
  }
  return place_of(recipe, plan, plan.steps[number - 1]);
}

Result<Place> in_stage(const recipes::Recipe& recipe, std::size_t index, std::size_t number) {
  const Plan plan = TRY(make_plan(recipe, recipe.stages[index].name));
  const PlanStage& stage = plan.stages[plan.target];
  const std::size_t count = stage.last - stage.first + 1;
  if (number == 0 || number > count) {
    return fail(ErrorKind::not_found, "stage '{}' has no step {}: it has {}",
                printable(recipe.stages[index].name), number, count);
  }
  return place_of(recipe, plan, plan.steps[stage.first + number - 1]);
}

Result<Place> at_line(const recipes::Recipe& recipe, std::size_t line) {
  std::optional<Place> best;
  int best_line = 0;
  const auto look = [&](const recipes::Location& location, Place place) {
    if (location.line <= 0 || static_cast<std::size_t>(location.line) > line || location.line < best_line)
      return;
    best_line = location.line;
    best = place;
  };
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    const recipes::Stage& stage = recipe.stages[i];
    look(stage.from_location, {.stage = i, .steps = 0});
    for (std::size_t k = 0; k < stage.steps.size(); ++k)
      look(stage.steps[k].location, {.stage = i, .steps = k + 1});
  }
  if (!best) return fail(ErrorKind::not_found, "no step stands in line {} or before it", line);
  return *best;
}

Result<Place> find_place(const recipes::Recipe& recipe, const std::string& target, std::string_view until) {
  const auto stage_named = [&](std::string_view name) -> std::optional<std::size_t> {
    const auto found = std::ranges::find(recipe.stages, name, &recipes::Stage::name);
    if (found == recipe.stages.end()) return std::nullopt;
    return static_cast<std::size_t>(found - recipe.stages.begin());
  };
  constexpr std::uint64_t k_limit = 1'000'000'000;
  if (const auto stage = stage_named(until))
    return Place{.stage = *stage, .steps = recipe.stages[*stage].steps.size()};
  if (const auto number = parse_unsigned(until, k_limit)) return at_number(recipe, target, *number);
  const std::size_t colon = until.rfind(':');
  if (colon != std::string_view::npos) {
    const std::string_view name = until.substr(0, colon);
    const auto number = parse_unsigned(until.substr(colon + 1), k_limit);
    if (const auto stage = stage_named(name); stage && number) return in_stage(recipe, *stage, *number);
    const std::string_view file = recipe.file;
    const bool is_file = name.empty() || name == file || file.ends_with("/" + std::string(name));
    if (is_file && number) return at_line(recipe, *number);
  }
  std::vector<std::string> names;
  for (const recipes::Stage& stage : recipe.stages) names.push_back(printable(stage.name));
  auto error = Error(ErrorKind::not_found, fmt::format("there is no step '{}'", printable(until)));
  return std::unexpected(std::move(error).hint(fmt::format(
      "the number of a step, ':LINE', a stage or STAGE:NUMBER; stages are {}", join(names, ", "))));
}

}  // namespace

Result<CutRecipe> cut_recipe(const recipes::Recipe& recipe, const std::string& target,
                             std::string_view until) {
  const Place place = TRY(find_place(recipe, target, until));
  CutRecipe cut{.recipe = recipe, .target = recipe.stages[place.stage].name};
  recipes::Stage& stage = cut.recipe.stages[place.stage];
  stage.steps.resize(place.steps);
  return cut;
}

}  // namespace ecrin::build

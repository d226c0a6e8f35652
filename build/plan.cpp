#include "build/plan.hpp"

#include <map>

#include "base/text.hpp"

namespace ecrin::build {

namespace {

// An image's history holds no more steps, and nobody means so many stages.
constexpr std::size_t k_step_limit = 10'000;
constexpr std::size_t k_stage_limit = 1'000;

Result<> check_size(const recipes::Recipe& recipe) {
  if (recipe.stages.size() > k_stage_limit)
    return fail(ErrorKind::limit, "the recipe has {} stages, and at most {} can be built",
                recipe.stages.size(), k_stage_limit);
  std::size_t steps = recipe.stages.size();
  for (const recipes::Stage& stage : recipe.stages) steps += stage.steps.size();
  if (steps > k_step_limit)
    return fail(ErrorKind::limit, "the recipe has {} steps, and at most {} can be built", steps,
                k_step_limit);
  return {};
}

struct Planner {
  const recipes::Recipe& recipe;
  Plan plan;
  enum class Mark { none, open, done };
  std::vector<Mark> marks;
  std::map<std::size_t, std::size_t> planned;  // recipe stage -> plan stage

  std::optional<std::size_t> find_stage(std::string_view name) const {
    for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
      if (recipe.stages[i].name == name) return i;
    }
    return std::nullopt;
  }

  const StandInOf& stand_in_of;
  std::map<std::string, std::size_t> directories;  // name -> plan stage

  StandIn stand_in(const std::string& name) const { return stand_in_of ? stand_in_of(name) : StandIn::none; }

  Result<std::size_t> add_stage(std::size_t index);
  std::size_t add_directory(const std::string& name);
  enum class Use { as_tree, copied };
  Result<StepInput> add_input(const std::string& name, Use use = Use::as_tree);
  Result<std::vector<StepInput>> inputs_of(const recipes::StepKind& kind);
};

std::size_t Planner::add_directory(const std::string& name) {
  if (const auto known = directories.find(name); known != directories.end()) return known->second;
  recipes::CopyStep copy;
  copy.from = name;
  copy.sources = {"/"};
  copy.destination = "/";
  recipes::Stage& stage = plan.made.emplace_back();
  stage.name = name;
  stage.from = recipes::FromScratch{};
  PlanStage planned_stage{.stage = &stage, .first = plan.steps.size(), .last = plan.steps.size() + 1};
  PlanStep from{.index = planned_stage.first, .stage = plan.stages.size(), .what = stage.from};
  from.text = describe(stage.from);
  PlanStep files{.index = planned_stage.last,
                 .stage = plan.stages.size(),
                 .ordinal = 1,
                 .parent = planned_stage.first,
                 .inputs = {{name, std::nullopt}},
                 .what = recipes::StepKind(copy)};
  files.text = "copy: the context " + name;
  plan.steps.push_back(std::move(from));
  plan.steps.push_back(std::move(files));
  directories[name] = plan.stages.size();
  plan.stages.push_back(planned_stage);
  return directories[name];
}

Result<StepInput> Planner::add_input(const std::string& name, Use use) {
  const StandIn instead = stand_in(name);
  if (instead == StandIn::directory && use == Use::as_tree) {
    return StepInput{name, plan.stages[add_directory(name)].last};
  }
  if (instead != StandIn::none) return StepInput{name, std::nullopt};
  const auto stage = find_stage(name);
  if (!stage) return StepInput{name, std::nullopt};
  const std::size_t position = TRY(add_stage(*stage));
  return StepInput{name, plan.stages[position].last};
}

Result<std::vector<StepInput>> Planner::inputs_of(const recipes::StepKind& kind) {
  std::vector<StepInput> inputs;
  if (const auto* copy = std::get_if<recipes::CopyStep>(&kind)) {
    if (!copy->from.empty()) inputs.push_back(TRY(add_input(copy->from, Use::copied)));
  } else if (const auto* run = std::get_if<recipes::RunStep>(&kind)) {
    for (const recipes::Mount& mount : run->mounts) {
      const bool has_source =
          mount.type == recipes::Mount::Type::bind || mount.type == recipes::Mount::Type::cache;
      if (has_source && !mount.from.empty()) {
        inputs.push_back(TRY(add_input(mount.from)));
      }
    }
  }
  return inputs;
}

// Depth first, and a stage's own steps only after all stages that they need: so the steps come out in a
// usable order.
Result<std::size_t> Planner::add_stage(std::size_t index) {
  if (const auto known = planned.find(index); known != planned.end()) return known->second;
  const recipes::Stage& stage = recipe.stages[index];
  if (marks[index] == Mark::open) {
    return fail(ErrorKind::invalid, "stage '{}' needs itself", printable(stage.name));
  }
  marks[index] = Mark::open;

  std::optional<std::size_t> parent;
  recipes::From base_of_stage = stage.from;
  std::string name;
  if (const auto* from = std::get_if<recipes::FromStage>(&stage.from)) name = from->name;
  if (const auto* from = std::get_if<recipes::FromImage>(&stage.from)) name = from->reference;
  const StandIn instead = name.empty() ? StandIn::none : stand_in(name);
  if (instead == StandIn::directory) {
    base_of_stage = recipes::FromStage{name};
    parent = plan.stages[add_directory(name)].last;
  } else if (instead == StandIn::image) {
    base_of_stage = recipes::FromImage{name};
  } else if (const auto* from = std::get_if<recipes::FromStage>(&stage.from)) {
    const auto base = find_stage(from->name);
    if (!base) return fail(ErrorKind::not_found, "there is no stage '{}'", printable(from->name));
    const std::size_t position = TRY(add_stage(*base));
    parent = plan.stages[position].last;
  }
  std::vector<std::vector<StepInput>> inputs;
  for (const recipes::Step& step : stage.steps) inputs.push_back(TRY(inputs_of(step.kind)));

  PlanStage planned_stage{.stage = &stage, .first = plan.steps.size(), .last = 0};
  const std::size_t position = plan.stages.size();
  const auto add = [&](std::variant<recipes::From, recipes::StepKind> what, recipes::Location location,
                       std::string text, std::vector<StepInput> step_inputs) {
    PlanStep step;
    step.index = plan.steps.size();
    step.stage = position;
    step.ordinal = step.index - planned_stage.first;
    step.parent = parent;
    step.inputs = std::move(step_inputs);
    step.what = std::move(what);
    step.location = location;
    step.text = std::move(text);
    parent = step.index;
    plan.steps.push_back(std::move(step));
  };
  add(base_of_stage, stage.from_location, describe(stage.from), {});
  for (std::size_t i = 0; i < stage.steps.size(); ++i) {
    const recipes::Step& step = stage.steps[i];
    add(step.kind, step.location, step.text, std::move(inputs[i]));
  }
  planned_stage.last = plan.steps.size() - 1;
  plan.stages.push_back(planned_stage);
  planned[index] = position;
  marks[index] = Mark::done;
  return position;
}

}  // namespace

Result<Plan> make_plan(const recipes::Recipe& recipe, std::string_view target, const StandInOf& stand_in_of) {
  if (recipe.stages.empty()) return fail(ErrorKind::invalid, "the recipe has no stage");
  TRY(check_size(recipe));
  Planner planner{.recipe = recipe,
                  .plan = {},
                  .marks = {},
                  .planned = {},
                  .stand_in_of = stand_in_of,
                  .directories = {}};
  planner.marks.resize(recipe.stages.size(), Planner::Mark::none);
  std::size_t wanted = recipe.stages.size() - 1;
  if (!target.empty()) {
    const auto found = planner.find_stage(target);
    if (!found) {
      std::vector<std::string> names;
      for (const recipes::Stage& stage : recipe.stages) names.push_back(stage.name);
      auto error = Error(ErrorKind::not_found, fmt::format("there is no stage '{}'", printable(target)));
      return std::unexpected(std::move(error).hint("the recipe has " + join(names, ", ")));
    }
    wanted = *found;
  }
  planner.plan.target = TRY(planner.add_stage(wanted));
  return std::move(planner.plan);
}

std::string describe(const recipes::From& from) {
  struct Describe {
    std::string operator()(const recipes::FromScratch&) const { return "scratch"; }
    std::string operator()(const recipes::FromStage& stage) const { return stage.name; }
    std::string operator()(const recipes::FromImage& image) const { return image.reference; }
    std::string operator()(const recipes::FromOciLayout& layout) const {
      return "oci " + layout.directory + (layout.reference.empty() ? "" : ":" + layout.reference);
    }
    std::string operator()(const recipes::FromArchive& archive) const {
      return "archive " + archive.file + (archive.reference.empty() ? "" : ":" + archive.reference);
    }
    std::string operator()(const recipes::FromRootfs& rootfs) const { return "rootfs " + rootfs.location; }
    std::string operator()(const recipes::FromBootstrap& bootstrap) const {
      return "bootstrap " + bootstrap.distribution + " " + bootstrap.suite;
    }
  };
  return "from: " + std::visit(Describe{}, from);
}

}  // namespace ecrin::build

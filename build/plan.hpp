// Plan: a Recipe as a graph of steps. Pure: nothing is read, mounted or asked. Stages that the target does
// not need are not in it. Steps stand in an order in which everything a step depends on comes before it.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "recipes/recipe.hpp"

namespace ecrin::build {

/// Something that a step reads besides the tree below it: a stage of this recipe or an image of the store.
struct StepInput {
  std::string name;                       // as written
  std::optional<std::size_t> stage_step;  // the last step of that stage; none: `name` is an image
};

struct PlanStep {
  std::size_t index = 0;              // in Plan::steps; people see index + 1
  std::size_t stage = 0;              // in Plan::stages
  std::size_t ordinal = 0;            // within its stage
  std::optional<std::size_t> parent;  // whose tree this one starts from; none: the first step of a stage
  std::vector<StepInput> inputs;
  std::variant<recipes::From, recipes::StepKind> what;
  recipes::Location location;
  std::string text;

  bool is_from() const { return what.index() == 0; }
  template <class T>
  const T* from_as() const {
    const auto* from = std::get_if<recipes::From>(&what);
    return from ? std::get_if<T>(from) : nullptr;
  }
  template <class T>
  const T* as() const {
    const auto* kind = std::get_if<recipes::StepKind>(&what);
    return kind ? std::get_if<T>(kind) : nullptr;
  }
};

struct PlanStage {
  const recipes::Stage* stage = nullptr;
  std::size_t first = 0;  // step indices, inclusive
  std::size_t last = 0;
};

struct Plan {
  std::vector<PlanStage> stages;
  std::vector<PlanStep> steps;
  std::size_t target = 0;          // in stages: always the last one
  std::list<recipes::Stage> made;  // that the recipe does not have: what stands for a directory
};

/// What stands in for a stage or image of this name.
enum class StandIn { none, image, directory };
using StandInOf = std::function<StandIn(const std::string& name)>;

/// `target` "" is the last stage. The recipe must outlive the plan. A directory that serves as base or is
/// mounted becomes a stage that copies it; a COPY reads it directly.
Result<Plan> make_plan(const recipes::Recipe& recipe, std::string_view target,
                       const StandInOf& stand_in_of = {});

/// "from: scratch", "from: bootstrap debian bookworm"
std::string describe(const recipes::From& from);

}  // namespace ecrin::build

// What the steps of a stage put into lists of an image's config, which have a bound: found out while the
// recipe is read, with the place. What comes from its base counts too when a build prepares its steps.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "recipes/recipe.hpp"

namespace ecrin::recipes {

class ConfigLists {
public:
  /// The next step of the stage. What is wrong, where there is too much now.
  std::optional<std::string> add(const StepKind& step);

private:
  using Names = std::set<std::string, std::less<>>;
  Names m_variables;
  Names m_labels;
  Names m_ports;
  Names m_volumes;
  std::size_t m_triggers = 0;
};

}  // namespace ecrin::recipes

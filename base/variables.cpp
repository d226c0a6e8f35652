#include "base/variables.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace ecrin {

std::string_view variable_name(std::string_view assignment) {
  return assignment.substr(0, assignment.find('='));
}

const std::string* find_variable(const std::vector<std::string>& variables, std::string_view name) {
  const auto found = std::ranges::find(variables, name, variable_name);
  return found == variables.end() ? nullptr : &*found;
}

void set_variable(std::vector<std::string>& variables, std::string assignment) {
  const auto found = std::ranges::find(variables, variable_name(assignment), variable_name);
  if (found == variables.end()) {
    variables.push_back(std::move(assignment));
  } else {
    *found = std::move(assignment);
  }
}

void set_variable(std::vector<std::string>& variables, std::string_view name, std::string_view value) {
  set_variable(variables, fmt::format("{}={}", name, value));
}

void erase_variable(std::vector<std::string>& variables, std::string_view name) {
  std::erase_if(variables,
                [name](const std::string& assignment) { return variable_name(assignment) == name; });
}

}  // namespace ecrin

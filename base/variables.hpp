// Lists of NAME=VALUE, as environ(7) and the Env of an image's configuration have them. A word without '=' is
// a name without a value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ecrin {

std::string_view variable_name(std::string_view assignment);
/// The whole assignment; nullptr when there is none.
const std::string* find_variable(const std::vector<std::string>& variables, std::string_view name);
/// In the place of an earlier one, else at the end.
void set_variable(std::vector<std::string>& variables, std::string assignment);
void set_variable(std::vector<std::string>& variables, std::string_view name, std::string_view value);
void erase_variable(std::vector<std::string>& variables, std::string_view name);

}  // namespace ecrin

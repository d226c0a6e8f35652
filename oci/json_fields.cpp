#include "oci/json_fields.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace ecrin::oci {

Result<std::map<std::string, std::string>> json_string_map(const Json& object, const char* key,
                                                           std::string_view what) {
  std::map<std::string, std::string> result;
  const Json* member = TRY(json_object(object, key, what));
  if (!member) return result;
  for (const auto& item : member->items()) {
    if (!item.value().is_string())
      return fail(ErrorKind::invalid, "{}.{}: the value of '{}' must be a string", what, key,
                  printable(item.key(), 200));
    result.emplace(item.key(), item.value().get_ref<const std::string&>());
  }
  return result;
}

}  // namespace ecrin::oci

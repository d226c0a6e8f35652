#include "oci/registry/secret_json.hpp"

#include <nlohmann/json.hpp>

#include "base/secret.hpp"

namespace ecrin::oci {
namespace {

void wipe_strings(Json& value) {  // as deep as parse_json() lets documents be
  if (value.is_string()) return wipe(value.get_ref<std::string&>());
  if (!value.is_structured()) return;
  for (Json& item : value) wipe_strings(item);
}

}  // namespace

SecretJson::SecretJson(Json value) : m_value(std::make_unique<Json>(std::move(value))) {}

SecretJson::SecretJson(SecretJson&&) noexcept = default;

SecretJson::~SecretJson() {
  if (m_value) wipe_strings(*m_value);
}

Result<SecretJson> SecretJson::parse(std::string_view text, std::string_view what) {
  auto value = parse_json(text, what);
  if (!value) {
    // "what:line:column: ..." with a piece of the text at its end: only the position is kept.
    const std::string& message = value.error().message();
    return fail(ErrorKind::invalid, "{} is not valid JSON",
                message.substr(0, message.find(": ", what.size())));
  }
  SecretJson result(std::move(*value));
  if (!result.value().is_object()) return fail(ErrorKind::invalid, "{} is not a JSON object", what);
  return result;
}

}  // namespace ecrin::oci

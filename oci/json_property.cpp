#include "oci/json_property.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace ecrin::oci {

std::string JsonProperty::path_of(std::string_view key) const {
  std::string name = printable(key, 200);
  return m_path.empty() ? name : fmt::format("{}.{}", m_path, name);
}

std::unexpected<Error> JsonProperty::refuse(std::string_view what) const {
  return fail(ErrorKind::invalid, "{} {}", m_path.empty() ? "the document" : m_path, what);
}

Result<std::optional<JsonProperty>> JsonProperty::find(std::string_view key) const {
  if (!m_json->is_object()) return refuse("must be an object");
  const auto found = m_json->find(key);
  if (found == m_json->end() || found->is_null()) return std::nullopt;
  return JsonProperty(*found, path_of(key));
}

Result<JsonProperty> JsonProperty::get(std::string_view key) const {
  std::optional<JsonProperty> member = TRY(find(key));
  if (!member) return fail(ErrorKind::invalid, "{} is missing", path_of(key));
  return *std::move(member);
}

Result<std::vector<std::pair<std::string, JsonProperty>>> JsonProperty::members() const {
  if (!m_json->is_object()) return refuse("must be an object");
  std::vector<std::pair<std::string, JsonProperty>> members;
  for (const auto& item : m_json->items()) {
    if (item.key().find('\0') != std::string::npos) return refuse("has a name with a NUL character");
    members.emplace_back(item.key(), JsonProperty(item.value(), path_of(item.key())));
  }
  return members;
}

Result<std::vector<JsonProperty>> JsonProperty::elements() const {
  if (!m_json->is_array()) return refuse("must be a list");
  std::vector<JsonProperty> elements;
  elements.reserve(m_json->size());
  for (const Json& item : *m_json)
    elements.emplace_back(item, fmt::format("{}[{}]", m_path, elements.size()));
  return elements;
}

Result<std::string> JsonProperty::text() const {
  if (!m_json->is_string()) return refuse("must be a string");
  const auto& text = m_json->get_ref<const std::string&>();
  if (text.find('\0') != std::string::npos) return refuse("contains a NUL character");
  return text;
}

Result<bool> JsonProperty::boolean() const {
  if (!m_json->is_boolean()) return refuse("must be true or false");
  return m_json->get<bool>();
}

Result<std::int64_t> JsonProperty::integer(std::int64_t least, std::int64_t most) const {
  const bool fits = m_json->is_number_unsigned()
                        ? most >= 0 && m_json->get<std::uint64_t>() <= static_cast<std::uint64_t>(most)
                        : m_json->is_number_integer() && m_json->get<std::int64_t>() >= least &&
                              m_json->get<std::int64_t>() <= most;
  if (!fits) return refuse(fmt::format("must be a whole number from {} to {}", least, most));
  return m_json->get<std::int64_t>();
}

Result<std::uint64_t> JsonProperty::natural(std::uint64_t most) const {
  // Values that were made here, not parsed, keep positive numbers as signed ones.
  const bool is_natural =
      m_json->is_number_unsigned() || (m_json->is_number_integer() && m_json->get<std::int64_t>() >= 0);
  if (!is_natural || m_json->get<std::uint64_t>() > most)
    return refuse(fmt::format("must be a whole number from 0 to {}", most));
  return m_json->get<std::uint64_t>();
}

void put(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

void put(Json& object, const char* key, bool value) {
  if (value) object[key] = true;
}

void put(Json& object, const char* key, const std::vector<std::string>& list) {
  if (!list.empty()) object[key] = list;
}

void put(Json& object, const char* key, const std::map<std::string, std::string>& map) {
  if (!map.empty()) object[key] = map;
}

void put(Json& object, const char* key, Json value) {
  if (!value.empty()) object[key] = std::move(value);
}

void put_number(Json& object, const char* key, std::int64_t number) {
  object[key] = number;
}
void put_number(Json& object, const char* key, std::uint64_t number) {
  object[key] = number;
}

}  // namespace ecrin::oci

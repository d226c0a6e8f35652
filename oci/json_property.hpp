// JsonProperty: a value in a document together with its property path ("linux.resources.memory"), so that
// every error names the place. Values are read as Go's decoders do: a missing member and null are the same,
// unknown members are left alone.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace ecrin::oci {

class JsonProperty {
public:
  /// `json` must stay where it is. "" is the path of the document itself.
  JsonProperty(const Json& json, std::string path) : m_json(&json), m_path(std::move(path)) {}
  const std::string& path() const { return m_path; }
  /// "process.cwd must be absolute, not 'x'"
  std::unexpected<Error> refuse(std::string_view what) const;

  // Members; each fails when this is not an object.
  Result<std::optional<JsonProperty>> find(std::string_view key) const;
  Result<JsonProperty> get(std::string_view key) const;  // an error when it is missing
  /// As they are written: "key" of each member in the order of the keys.
  Result<std::vector<std::pair<std::string, JsonProperty>>> members() const;
  Result<std::vector<JsonProperty>> elements() const;  // fails when this is not a list

  // The value itself; never with a NUL character, which would end it early in system calls.
  Result<std::string> text() const;
  Result<bool> boolean() const;
  Result<std::int64_t> integer(std::int64_t least, std::int64_t most) const;
  Result<std::uint64_t> natural(std::uint64_t most) const;

private:
  std::string path_of(std::string_view key) const;
  const Json* m_json;
  std::string m_path;
};

inline Result<> read_value(const JsonProperty& property, std::string& value) {
  value = TRY(property.text());
  return {};
}
inline Result<> read_value(const JsonProperty& property, bool& value) {
  value = TRY(property.boolean());
  return {};
}
template <std::integral Number>
Result<> read_value(const JsonProperty& property, Number& value) {
  using Limits = std::numeric_limits<Number>;
  if constexpr (std::signed_integral<Number>)
    value = static_cast<Number>(TRY(property.integer(Limits::min(), Limits::max())));
  else
    value = static_cast<Number>(TRY(property.natural(Limits::max())));
  return {};
}
template <class Value>
Result<> read_value(const JsonProperty& property, std::optional<Value>& value) {
  return read_value(property, value.emplace());
}
template <class Value>
Result<> read_value(const JsonProperty& property, std::vector<Value>& list) {
  list.clear();
  for (const JsonProperty& element : TRY(property.elements())) TRY(read_value(element, list.emplace_back()));
  return {};
}
template <class Value>
Result<> read_value(const JsonProperty& property, std::map<std::string, Value>& map) {
  map.clear();
  for (const auto& [key, member] : TRY(property.members())) TRY(read_value(member, map[key]));
  return {};
}

/// Sets `value` from the member; leaves it as it is when the member is missing or null.
template <class Value>
Result<> read(const JsonProperty& object, std::string_view key, Value& value) {
  const std::optional<JsonProperty> member = TRY(object.find(key));
  return member ? read_value(*member, value) : Result<>();
}
/// The same; a missing member is an error.
template <class Value>
Result<> read_required(const JsonProperty& object, std::string_view key, Value& value) {
  return read_value(TRY(object.get(key)), value);
}

// The other direction. What is empty or false is left out.
void put(Json& object, const char* key, const std::string& text);
void put(Json& object, const char* key, bool value);
void put(Json& object, const char* key, const std::vector<std::string>& list);
void put(Json& object, const char* key, const std::map<std::string, std::string>& map);
void put(Json& object, const char* key, Json value);  // empty objects and lists too
void put_number(Json& object, const char* key, std::int64_t number);
void put_number(Json& object, const char* key, std::uint64_t number);

template <std::integral Number>
void put_integer(Json& object, const char* key, Number number) {
  if constexpr (std::signed_integral<Number>)
    put_number(object, key, std::int64_t{number});
  else
    put_number(object, key, std::uint64_t{number});
}
template <std::integral Number>
void put_integer(Json& object, const char* key, const std::optional<Number>& number) {
  if (number) put_integer(object, key, *number);
}

}  // namespace ecrin::oci

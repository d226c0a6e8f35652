// YamlNode trees to text, as a person would write them: short mappings and lists on one line, texts of
// several lines as blocks, quotes only where they are needed. Knows YAML and nothing of recipes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ecrin::recipes {

struct YamlValue {
  enum class Kind { scalar, list, mapping };
  Kind kind = Kind::scalar;
  std::string text;              // scalar: the value itself
  std::vector<YamlValue> items;  // list
  struct Member;
  std::vector<Member> members;  // mapping, in order
  bool always_block = false;    // list, mapping: a line for each

  static YamlValue scalar(std::string content);
  static YamlValue list(std::vector<YamlValue> entries);
  static YamlValue list(const std::vector<std::string>& texts);
  static YamlValue mapping();
  YamlValue& add(std::string key, YamlValue value);  // returns *this
  YamlValue& add(std::string key, std::string content);
};

struct YamlValue::Member {
  std::string key;
  YamlValue value;
};

/// The document; `value` is a mapping.
std::string write_yaml(const YamlValue& value);

}  // namespace ecrin::recipes

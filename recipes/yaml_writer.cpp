#include "recipes/yaml_writer.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::size_t k_line = 100;  // a mapping or list that is longer gets lines of its own

bool is_plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./+=^%@$()<>;|*?!&~'\"\\-").contains(c) || static_cast<unsigned char>(c) >= 0x80;
}

/// May it stand without quotes, also within [] and {}?
bool is_plain(std::string_view text) {
  if (text.empty() || text == "~" || to_lower(text) == "null" || text == "-" || text == "<<") return false;
  const char first = text[0];
  const bool good_begin =
      (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || (first >= '0' && first <= '9') ||
      std::string_view("_./+=^$(\\;<").contains(first) || static_cast<unsigned char>(first) >= 0x80 ||
      (first == '-' && text.size() > 1 && text[1] != ' ');
  if (!good_begin || text.back() == ' ' || text.back() == ':') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool before_space = i + 1 < text.size() && text[i + 1] == ' ';
    if (c == ':' ? before_space : c == '#' ? i > 0 && text[i - 1] == ' ' : !is_plain_character(c) && c != ' ')
      return false;
    if (c == ' ' && before_space) return false;
  }
  return true;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\t':
        result += "\\t";
        break;
      case '\r':
        result += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          result += c;
        }
    }
  }
  return result + '"';
}

/// A text of several lines that a block shows as it is.
bool fits_block(std::string_view text) {
  if (!text.contains('\n') || text.starts_with('\n') || text.starts_with(' ')) return false;
  if (text.find_first_not_of('\n') == std::string_view::npos) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  });
}

class Writer {
public:
  std::string take() { return std::move(m_text); }

  void mapping(const YamlValue& value, std::size_t indent) {
    bool first = true;
    for (const auto& [key, member] : value.members) {
      if (!first) m_text.append(indent, ' ');
      first = false;
      m_text += is_plain(key) && !key.contains(' ') ? key : quoted(key);
      m_text += ':';
      after_key(member, indent);
    }
  }

private:
  void after_key(const YamlValue& value, std::size_t indent) {
    if (value.kind == YamlValue::Kind::scalar && fits_block(value.text)) return block(value.text, indent + 2);
    const std::string flow = in_flow(value);
    if (!flow.empty() && (value.kind == YamlValue::Kind::scalar || indent + flow.size() <= k_line)) {
      m_text += " " + flow + "\n";
      return;
    }
    m_text += '\n';
    m_text.append(indent + 2, ' ');
    if (value.kind == YamlValue::Kind::mapping) {
      mapping(value, indent + 2);
    } else {
      list(value, indent + 2);
    }
  }

  void list(const YamlValue& value, std::size_t indent) {
    bool first = true;
    for (const YamlValue& item : value.items) {
      if (!first) m_text.append(indent, ' ');
      first = false;
      m_text += "-";
      if (item.kind == YamlValue::Kind::mapping && (item.always_block || item.members.size() == 1 ||
                                                    in_flow(item).empty() || in_flow(item).size() > k_line)) {
        m_text += ' ';
        mapping(item, indent + 2);
      } else {
        after_key(item, indent);
      }
    }
  }

  void block(std::string_view text, std::size_t indent) {
    const bool ends = text.ends_with('\n');
    m_text += !ends ? " |-\n" : text.ends_with("\n\n") ? " |+\n" : " |\n";
    if (ends) text.remove_suffix(1);
    for (const std::string& line : split(text, '\n')) {
      if (!line.empty()) m_text.append(indent, ' ');
      m_text += line + '\n';
    }
  }

  /// On one line; "" where that cannot be.
  std::string in_flow(const YamlValue& value) const {
    if (value.kind == YamlValue::Kind::scalar) return is_plain(value.text) ? value.text : quoted(value.text);
    if (value.always_block) return "";
    std::vector<std::string> parts;
    if (value.kind == YamlValue::Kind::list) {
      for (const YamlValue& item : value.items) {
        parts.push_back(in_flow(item));
        if (parts.back().empty()) return "";
      }
      return "[" + join(parts, ", ") + "]";
    }
    for (const auto& [key, member] : value.members) {
      const std::string text = in_flow(member);
      const bool is_block = member.kind == YamlValue::Kind::scalar && fits_block(member.text);
      if (text.empty() || is_block) return "";
      parts.push_back((is_plain(key) && !key.contains(' ') ? key : quoted(key)) + ": " + text);
    }
    return "{" + join(parts, ", ") + "}";
  }

  std::string m_text;
};

}  // namespace

YamlValue YamlValue::scalar(std::string content) {
  YamlValue value;
  value.text = std::move(content);
  return value;
}

YamlValue YamlValue::list(std::vector<YamlValue> entries) {
  YamlValue value;
  value.kind = Kind::list;
  value.items = std::move(entries);
  return value;
}

YamlValue YamlValue::list(const std::vector<std::string>& texts) {
  std::vector<YamlValue> entries;
  for (const std::string& one : texts) entries.push_back(scalar(one));
  return list(std::move(entries));
}

YamlValue YamlValue::mapping() {
  YamlValue value;
  value.kind = Kind::mapping;
  return value;
}

YamlValue& YamlValue::add(std::string key, YamlValue value) {
  members.push_back({std::move(key), std::move(value)});
  return *this;
}

YamlValue& YamlValue::add(std::string key, std::string content) {
  return add(std::move(key), scalar(std::move(content)));
}

std::string write_yaml(const YamlValue& value) {
  Writer writer;
  writer.mapping(value, 0);
  return writer.take();
}

}  // namespace ecrin::recipes

#include "base/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace ecrin {
namespace {

constexpr std::size_t k_most_depth = 100;

// Tells from outside how far the parser has read: its events carry no position.
class PositionIterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  PositionIterator(const char* at, const char** position) : m_at(at), m_position(position) {}
  reference operator*() const { return *m_at; }
  PositionIterator& operator++() {
    *m_position = std::max(*m_position, ++m_at);
    return *this;
  }
  PositionIterator operator++(int) {
    PositionIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const PositionIterator& other) const { return m_at == other.m_at; }

private:
  const char* m_at;
  const char** m_position;
};

// Builds the value. Written out because the library's own builder lets the last of two equal keys win, which
// means that two programs may read two different things in one signed document.
class Builder final : public nlohmann::json_sax<Json> {
public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return refuse("binary values are not JSON"); }
  bool start_object(std::size_t) override { return enter(Json::object()); }
  bool start_array(std::size_t) override { return enter(Json::array()); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (m_open.back()->contains(name))
      return refuse(fmt::format("the key '{}' is there twice", printable(name, 200)));
    m_key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: what": the position is told by us.
    std::string_view text = error.what();
    if (const auto end = text.find("] "); end != std::string_view::npos) text.remove_prefix(end + 2);
    if (text.starts_with("parse error")) {
      if (const auto colon = text.find(": "); colon != std::string_view::npos) text.remove_prefix(colon + 2);
    }
    return refuse(printable(text, 300));
  }

  Json take() { return std::move(m_root); }
  const std::string& fault() const { return m_fault; }

private:
  bool refuse(std::string fault) {
    if (m_fault.empty()) m_fault = std::move(fault);
    return false;
  }
  Json& place(Json value) {
    if (m_open.empty()) return m_root = std::move(value);
    Json& parent = *m_open.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return parent.back();
    }
    return parent[m_key] = std::move(value);
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool enter(Json value) {
    if (m_open.size() == k_most_depth)
      return refuse(fmt::format("nested deeper than {} levels", k_most_depth));
    // The pointers stay good: a container is filled only while it is the last of its parent.
    m_open.push_back(&place(std::move(value)));
    return true;
  }
  bool leave() {
    m_open.pop_back();
    return true;
  }

  Json m_root;
  std::vector<Json*> m_open;
  std::string m_key;
  std::string m_fault;
};

// The member, or nullptr when it is missing or null.
Result<const Json*> member(const Json& object, const char* key, std::string_view what) {
  if (!object.is_object()) return fail(ErrorKind::invalid, "{} is not an object", what);
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

std::unexpected<Error> wrong_type(const char* key, std::string_view what, std::string_view expected) {
  return fail(ErrorKind::invalid, "'{}' of {} is not {}", key, what, expected);
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what) {
  const char* position = text.data();
  const auto refuse = [&](std::string_view fault) {
    const std::string_view read = text.substr(0, static_cast<std::size_t>(position - text.data()));
    const std::size_t line_start = read.rfind('\n') == std::string_view::npos ? 0 : read.rfind('\n') + 1;
    return fail(ErrorKind::invalid, "{}:{}:{}: {}", what, 1 + std::ranges::count(read, '\n'),
                std::max<std::size_t>(read.size() - line_start, 1), fault);
  };
  // The library takes a NUL for the end of the text and never looks at what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    position += nul + 1;
    return refuse("a NUL byte is not JSON");
  }
  Builder builder;
  const bool parsed = [&] {
    try {
      return Json::sax_parse(PositionIterator(text.data(), &position),
                             PositionIterator(text.data() + text.size(), &position), &builder);
    } catch (const nlohmann::detail::exception& error) {
      return builder.parse_error(0, "", error);
    }
  }();
  if (!parsed) return refuse(builder.fault());
  return builder.take();
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string dump_json_pretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::optional<std::string>> json_string(const Json& object, const char* key, std::string_view what) {
  const Json* value = TRY(member(object, key, what));
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return wrong_type(key, what, "a string");
  return value->get_ref<const std::string&>();
}

Result<std::optional<std::uint64_t>> json_unsigned(const Json& object, const char* key,
                                                   std::string_view what) {
  const Json* value = TRY(member(object, key, what));
  if (value == nullptr) return std::nullopt;
  // A value that was made by us, not parsed, keeps positive numbers as signed ones.
  if (!value->is_number_integer() || (!value->is_number_unsigned() && value->get<std::int64_t>() < 0)) {
    return wrong_type(key, what, "a whole number of at least 0");
  }
  return value->get<std::uint64_t>();
}

Result<std::optional<std::int64_t>> json_integer(const Json& object, const char* key, std::string_view what) {
  const Json* value = TRY(member(object, key, what));
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))) {
    return wrong_type(key, what, "a whole number of 64 bits");
  }
  return value->get<std::int64_t>();
}

Result<std::optional<bool>> json_bool(const Json& object, const char* key, std::string_view what) {
  const Json* value = TRY(member(object, key, what));
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) return wrong_type(key, what, "true or false");
  return value->get<bool>();
}

Result<std::optional<std::vector<std::string>>> json_strings(const Json& object, const char* key,
                                                             std::string_view what) {
  const Json* value = TRY(member(object, key, what));
  if (value == nullptr) return std::nullopt;
  if (!value->is_array() || !std::ranges::all_of(*value, [](const Json& item) { return item.is_string(); })) {
    return wrong_type(key, what, "a list of strings");
  }
  std::vector<std::string> strings;
  for (const Json& item : *value) strings.push_back(item.get_ref<const std::string&>());
  return strings;
}

Result<const Json*> json_object(const Json& object, const char* key, std::string_view what) {
  const Json* value = TRY(member(object, key, what));
  if (value != nullptr && !value->is_object()) return wrong_type(key, what, "an object");
  return value;
}

Result<const Json*> json_array(const Json& object, const char* key, std::string_view what) {
  const Json* value = TRY(member(object, key, what));
  if (value != nullptr && !value->is_array()) return wrong_type(key, what, "a list");
  return value;
}

}  // namespace ecrin

#include "recipes/convert.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/text.hpp"
#include "recipes/containerfile/lower.hpp"
#include "recipes/containerfile/write.hpp"
#include "recipes/difference.hpp"
#include "recipes/symbols.hpp"
#include "recipes/write_recipe_yaml.hpp"
#include "recipes/yaml_recipe.hpp"

namespace ecrin::recipes {
namespace {

using Args = std::map<std::string, std::string>;
using ReadRecipe = std::function<Result<Recipe>(const Args& args)>;

constexpr std::size_t k_argument_limit = 200;
constexpr std::size_t k_reading_limit = 100;  // of the recipe, to find out what its arguments do

std::vector<std::string> platform_arguments() {
  std::vector<std::string> names;
  for (const char* side : {"TARGET", "BUILD"}) {
    for (const char* part : {"PLATFORM", "OS", "ARCH", "VARIANT"})
      names.push_back(fmt::format("{}{}", side, part));
  }
  return names;
}

/// The recipe with symbols where arguments went, as far as that is all that the arguments did.
struct Symbolic {
  Recipe recipe;
  std::vector<std::string> filled_in;  // arguments whose values stand in the text now
};

/// Finds out which arguments can be symbols: all at once, and where that is not the recipe any more, by
/// halves.
class SymbolSearch {
public:
  SymbolSearch(const ReadRecipe& read, Args given, const Recipe& plain, const Args& values)
      : m_read(read), m_symbols(std::move(given)), m_plain(plain), m_values(values), m_recipe(plain) {}

  Symbolic find(std::span<const std::string> names) && {
    accept(names);
    return {std::move(m_recipe), std::move(m_filled_in)};
  }

private:
  void accept(std::span<const std::string> names) {
    if (names.empty()) return;
    if (with_symbols(names)) return;
    if (names.size() == 1 || m_readings == k_reading_limit) {
      m_filled_in.insert(m_filled_in.end(), names.begin(), names.end());
      return;
    }
    accept(names.first(names.size() / 2));
    accept(names.subspan(names.size() / 2));
  }

  /// Besides those that are symbols already.
  bool with_symbols(std::span<const std::string> names) {
    if (m_readings == k_reading_limit) return false;
    ++m_readings;
    Args symbols = m_symbols;
    for (const std::string& name : names) symbols[name] = symbol_of(name);
    auto recipe = m_read(symbols);
    if (!recipe) return false;
    const Recipe with_its_values = with_values(*recipe, m_values);
    if (difference(with_its_values, m_plain) || difference(m_plain, with_its_values)) return false;
    m_symbols = std::move(symbols);
    m_recipe = std::move(*recipe);
    return true;
  }

  const ReadRecipe& m_read;
  Args m_symbols;
  const Recipe& m_plain;
  const Args& m_values;
  Recipe m_recipe;
  std::vector<std::string> m_filled_in;
  std::size_t m_readings = 0;
};

/// Declared arguments with their values, those that were filled in left out.
std::vector<Argument> declared(const std::vector<std::string>& names, const Args& values,
                               const std::vector<std::string>& filled_in) {
  std::vector<Argument> result;
  const std::vector<std::string> known = platform_arguments();
  for (const std::string& name : names) {
    const auto is_name = [&](const std::string& other) { return other == name; };
    if (std::any_of(filled_in.begin(), filled_in.end(), is_name)) continue;
    if (std::any_of(known.begin(), known.end(), is_name)) continue;
    result.push_back({name, values.at(name), {}});
  }
  return result;
}

std::unexpected<Error> cannot_say(std::string_view language, std::string_view what) {
  return fail(ErrorKind::unsupported, "{} cannot say this: {}", language, what);
}

std::string note_of(const std::vector<std::string>& filled_in) {
  return printable(
      fmt::format("the values of these arguments stand in the text now: {}", join(filled_in, ", ")), 400);
}

struct Attempt {
  Recipe recipe;
  std::vector<std::string> filled_in;
};

/// Writes and reads back; first with arguments, then with their values.
template <class Write, class Read>
Result<Converted> write_checked(Symbolic symbolic, const Recipe& plain, const std::vector<std::string>& names,
                                const Args& values, std::string_view language, Write write, Read read) {
  Attempt with_arguments{std::move(symbolic.recipe), std::move(symbolic.filled_in)};
  with_arguments.recipe.args = declared(names, values, with_arguments.filled_in);
  Attempt with_values_only{plain, names};
  with_values_only.recipe.args.clear();
  std::optional<Error> last;
  for (const Attempt* attempt : {&with_arguments, &with_values_only}) {
    auto written = write(attempt->recipe);
    if (!written) {
      if (!last) last = std::move(written).error();
      continue;
    }
    const auto again = read(written->text);
    if (!again) {
      if (!last) last = again.error();
      continue;
    }
    if (const auto what = difference(plain, *again)) {
      if (!last) last = cannot_say(language, *what).error();
      continue;
    }
    std::vector<std::string> mine;
    const std::vector<std::string> known = platform_arguments();
    for (const std::string& name : attempt->filled_in) {
      if (values.contains(name) && std::ranges::find(known, name) == known.end()) mine.push_back(name);
    }
    if (!mine.empty()) written->notes.push_back(note_of(mine));
    return Converted{std::move(written->text), std::move(written->notes)};
  }
  return std::unexpected(*std::move(last));
}

/// Values in force: what was given, else what the file says.
Args with_defaults(Args given, const std::vector<Argument>& defaults) {
  for (const Argument& arg : defaults) given.emplace(arg.name, arg.value);
  return given;
}

}  // namespace

Result<Converted> containerfile_to_yaml(std::string_view text, const ConvertOptions& options) {
  namespace cf = containerfile;
  const SourceText source(options.file, text);
  const cf::Containerfile file = TRY(cf::parse_containerfile(source));
  std::map<std::string, Result<oci::ImageConfig>> bases;  // by reference and platform
  std::vector<std::string> notes;
  Args defaults;
  const auto values_of = [&](const Args& args) {
    Args values = defaults;
    for (const auto& [name, value] : args) {
      if (value != symbol_of(name)) values[name] = value;
    }
    return values;
  };
  const ReadRecipe read = [&](const Args& args) -> Result<Recipe> {
    cf::LowerOptions lower{
        .file = options.file, .args = args, .all_stages = true, .platform = options.platform};
    // A name of an image with symbols in it is that of its values.
    lower.base_config = [&](const std::string& reference,
                            const oci::Platform& platform) -> Result<oci::ImageConfig> {
      Recipe named;
      named.stages.push_back({.from = FromImage{reference}});
      named = with_values(std::move(named), values_of(args));
      const std::string& real = std::get<FromImage>(named.stages[0].from).reference;
      const std::string key = real + " " + platform.to_string();
      auto known = bases.find(key);
      if (known == bases.end()) known = bases.emplace(key, options.base_config(real, platform)).first;
      return known->second;
    };
    cf::Lowered lowered = TRY(cf::lower(file, source, lower));
    notes = std::move(lowered.notes);
    return std::move(lowered.recipe);
  };
  // The defaults are what the file's own ARGs have when nothing else is said: the first that gives one.
  std::vector<std::string> names;
  std::set<std::string> seen;
  const Recipe plain = TRY(read(options.args));
  std::vector<std::string> plain_notes = notes;
  for (const cf::Instruction& instruction : file.instructions) {
    const auto* arg = instruction.as<cf::ArgInstruction>();
    if (arg == nullptr) continue;
    for (const cf::ArgInstruction::Item& item : arg->items) {
      if (!seen.insert(item.name).second || names.size() >= k_argument_limit) continue;
      names.push_back(item.name);
    }
  }
  const Args values = with_defaults(options.args, plain.args);
  defaults = values;
  std::erase_if(names, [&](const std::string& name) { return !values.contains(name); });
  Symbolic symbolic = SymbolSearch(read, options.args, plain, values).find(names);
  Converted result = TRY(write_checked(
      std::move(symbolic), plain, names, values, "a YAML recipe",
      [](const Recipe& recipe) -> Result<Converted> {
        return Converted{write_recipe_yaml(recipe), {}};
      },
      [&](const std::string& yaml) {
        return parse_yaml_recipe(yaml, {.file = "the YAML recipe", .args = {}, .platform = options.platform});
      }));
  result.notes.insert(result.notes.begin(), plain_notes.begin(), plain_notes.end());
  return result;
}

Result<Converted> yaml_to_containerfile(std::string_view text, const ConvertOptions& options) {
  namespace cf = containerfile;
  const ReadRecipe read = [&](const Args& args) {
    return parse_yaml_recipe(text, {.file = options.file, .args = args, .platform = options.platform});
  };
  const Recipe plain = TRY(read(options.args));
  Args values;
  std::vector<std::string> names;
  for (const Argument& arg : plain.args) {
    if (names.size() >= k_argument_limit) break;
    names.push_back(arg.name);
    values[arg.name] = arg.value;
  }
  Symbolic symbolic = SymbolSearch(read, options.args, plain, values).find(names);
  return write_checked(
      std::move(symbolic), plain, names, values, "a Containerfile",
      [](const Recipe& recipe) -> Result<Converted> {
        cf::Written written = TRY(cf::write_containerfile(recipe));
        return Converted{std::move(written.text), std::move(written.notes)};
      },
      [&](const std::string& written) -> Result<Recipe> {
        const SourceText source("the Containerfile", written);
        const cf::Containerfile file = TRY(cf::parse_containerfile(source));
        cf::LowerOptions lower{.file = "the Containerfile", .all_stages = true, .platform = options.platform};
        lower.base_config = options.base_config;
        return std::move(TRY(cf::lower(file, source, lower)).recipe);
      });
}

}  // namespace ecrin::recipes

#include "build/bootstrap_packages.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"

namespace ecrin::build {

namespace {

using Versions = std::map<std::string, std::string>;

KeyInputs as_inputs(const Versions& versions) {
  KeyInputs inputs;
  for (const auto& [name, version] : versions) {
    inputs.push_back({std::string(k_package_input) + name, version});
  }
  return inputs;
}

std::string_view first_word(std::string_view text) {
  return text.substr(0, text.find(' '));
}

// "Inst NAME [OLD] (VERSION ORIGIN, ORIGIN [ARCHITECTURE])" and more that says in which order.
void add_installation(std::string_view line, Versions& versions) {
  constexpr std::string_view k_verb = "Inst ";
  if (!line.starts_with(k_verb)) return;
  line.remove_prefix(k_verb.size());
  const std::string_view name = first_word(line);
  const std::size_t open = line.find('(');
  const std::size_t close = line.find(')', open);
  if (name.empty() || open == std::string_view::npos || close == std::string_view::npos) return;
  const std::string_view inside = line.substr(open + 1, close - open - 1);
  const std::size_t bracket = inside.rfind('[');
  if (bracket == std::string_view::npos || !inside.ends_with(']')) return;
  const std::string_view architecture = inside.substr(bracket + 1, inside.size() - bracket - 2);
  versions[fmt::format("{}:{}", name.substr(0, name.find(':')), architecture)] = first_word(inside);
}

}  // namespace

bool is_package(const KeyInput& input) {
  return input.name.starts_with(k_package_input);
}

KeyInputs simulated_packages(std::string_view messages) {
  Versions versions;
  for (const std::string& line : split(messages, '\n')) add_installation(line, versions);
  return as_inputs(versions);
}

std::optional<KeyInputs> installed_packages(std::string_view status) {
  Versions versions;
  std::map<std::string, std::string> fields;
  bool understood = true;
  const auto end_stanza = [&] {
    if (fields.empty()) return;
    understood = understood && fields["Status"] == "install ok installed" && !fields["Package"].empty() &&
                 !fields["Version"].empty() && !fields["Architecture"].empty();
    versions[fields["Package"] + ":" + fields["Architecture"]] = fields["Version"];
    fields.clear();
  };
  for (const std::string& line : split(status, '\n')) {
    if (line.empty()) {
      end_stanza();
      continue;
    }
    if (line.starts_with(' ') || line.starts_with('\t')) continue;  // a field goes on; none that counts here
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return std::nullopt;
    const std::string name = line.substr(0, colon);
    for (const std::string_view wanted : {"Status", "Package", "Version", "Architecture"}) {
      if (name == wanted) fields[name] = trim(std::string_view(line).substr(colon + 1));
    }
  }
  end_stanza();
  if (!understood || versions.empty()) return std::nullopt;
  return as_inputs(versions);
}

std::string bootstrap_family(const KeyInputs& inputs) {
  KeyInputs family;
  for (const KeyInput& input : inputs) {
    // A snapshot leaves a setting of apt's behind: its being there counts, its time does not.
    if (input.name == "snapshot") {
      family.push_back({input.name, input.value.empty() ? "" : "one"});
    } else if (input.name != "sources" && input.name != "parent") {
      family.push_back(input);
    }
  }
  return "bootstrap " + key_digest(family);
}

std::string bootstrap_key(const std::string& family, const KeyInputs& packages) {
  return family + " " + key_digest(packages);
}

}  // namespace ecrin::build

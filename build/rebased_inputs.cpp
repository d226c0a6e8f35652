#include "build/rebased_inputs.hpp"

#include <algorithm>
#include <charconv>

#include "build/image_state.hpp"
#include "build/run_settings.hpp"
#include "oci/mutate.hpp"

namespace ecrin::build {
namespace {

constexpr const char* k_kept = "kept";  // the epoch of builds that leave times alone

std::string text_of(const KeyInputs& inputs, std::string_view name) {
  return std::string(inputs.find(name).value_or(""));
}

// step_inputs() ends with "parent"; what comes after it is of the files, stages and images that it takes.
KeyInputs contents_of(const KeyInputs& inputs) {
  KeyInputs contents;
  bool is_behind = false;
  for (const KeyInput input : inputs) {
    if (is_behind) contents.push_back(input);
    is_behind = is_behind || input.name == "parent";
  }
  return contents;
}

KeyInputs inputs_of(const recipes::StepKind& kind, const oci::ImageConfig& before,
                    const KeySettings& settings, const std::string& parent, const KeyInputs& recorded) {
  PlanStep step;
  step.what = kind;
  KeyInputs inputs = step_inputs(step, before, settings, parent);
  inputs.append(contents_of(recorded));
  return inputs;
}

// Octal, as a key has it.
std::optional<std::uint32_t> parse_mode(std::string_view text) {
  std::uint32_t mode = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return mode;
}

recipes::CopyStep copy_of(const KeyInputs& recorded) {
  recipes::CopyStep copy;
  for (const KeyInput input : recorded)
    if (input.name.starts_with("inline "))
      copy.files.push_back({std::string(input.name.substr(7)), std::string(input.value)});
  copy.destination = text_of(recorded, "destination");
  copy.owner = text_of(recorded, "owner");
  copy.mode = parse_mode(text_of(recorded, "mode"));
  if (!copy.mode) copy.mode_change = text_of(recorded, "mode");
  copy.parents = text_of(recorded, "parents") == "yes";
  return copy;
}

// All that such steps see of the settings.
oci::ImageConfig config_with(const std::string& user) {
  oci::ImageConfig config;
  config.user = user;
  return config;
}

}  // namespace

KeyInputs with_parent(const KeyInputs& inputs, const std::string& parent) {
  KeyInputs others = inputs;
  others.replace("parent", parent);
  return others;
}

KeySettings common_settings(const KeyInputs& recorded) {
  return {
      .platform = text_of(recorded, "platform"), .epoch = text_of(recorded, "epoch"), .default_network = ""};
}

std::int64_t clamp_of(const KeyInputs& recorded) {
  const std::string text = text_of(recorded, "epoch");
  if (text == k_kept) return INT64_MAX;
  std::int64_t seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds;
}

bool is_linked(const KeyInputs& recorded) {
  const auto kind = recorded.find("kind");
  return (kind == "copy" || kind == "add") && recorded.find("link") == "yes" && recorded.find("mode") == "";
}

bool have_same_run_settings(const oci::ImageConfig& one, const oci::ImageConfig& other) {
  return one.env == other.env && one.user == other.user && one.working_dir == other.working_dir &&
         one.shell == other.shell;
}

std::optional<RebasedInputs> rebased_inputs(const KeyInputs& recorded, const StepSpec& spec,
                                            const OtherBase& base) {
  static constexpr const char* k_networks[] = {"none", "host", "private"};
  KeySettings settings = common_settings(recorded);
  settings.default_network = k_networks[static_cast<int>(spec.network)];
  settings.shell = spec.shell;
  settings.run = key_inputs(spec.settings);
  const std::string before = text_of(recorded, "parent");
  if (!(inputs_of(spec.run, spec.before, settings, before, recorded) == recorded)) return std::nullopt;
  RebasedInputs there;
  there.before = oci::rebase_settings(spec.before, base.old_base, base.new_base);
  there.shell = spec.shell == first_shell({}, base.old_base) ? first_shell({}, base.new_base) : spec.shell;
  settings.shell = there.shell;
  there.inputs = inputs_of(spec.run, there.before, settings, base.parent, recorded);
  return there;
}

std::optional<recipes::StepKind> whole_step(const KeyInputs& recorded) {
  const auto kind = recorded.find("kind");
  std::optional<recipes::StepKind> step;
  if (kind == "write") {
    step = recipes::WriteStep{.destination = text_of(recorded, "destination"),
                              .content = text_of(recorded, "content"),
                              .owner = text_of(recorded, "owner"),
                              .mode = parse_mode(text_of(recorded, "mode")).value_or(0)};
  } else if (kind == "workdir") {
    step = recipes::WorkdirStep{text_of(recorded, "path")};
  } else if (kind == "copy" && recorded.find("from") == "" && recorded.find("sources") == "") {
    step = copy_of(recorded);
  }
  if (!step) return std::nullopt;
  // Whatever is not as it was taken for is not understood.
  const KeyInputs same = inputs_of(*step, config_with(text_of(recorded, "owner")), common_settings(recorded),
                                   text_of(recorded, "parent"), recorded);
  return same == recorded ? step : std::nullopt;
}

RebasedInputs rebased_inputs(const KeyInputs& recorded, const recipes::StepKind& kind,
                             const OtherBase& base) {
  std::string user = text_of(recorded, "owner");
  const bool is_workdir = std::holds_alternative<recipes::WorkdirStep>(kind);
  if (is_workdir && user == base.old_base.user) user = base.new_base.user;
  RebasedInputs there{.before = config_with(user), .shell = {}, .inputs = {}};
  there.inputs = inputs_of(kind, there.before, common_settings(recorded), base.parent, recorded);
  return there;
}

}  // namespace ecrin::build

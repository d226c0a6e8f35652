#include "build/traced_inputs.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace ecrin::build {

std::vector<TracedInput> traced_inputs(const PreparedStep& step) {
  using Type = recipes::Mount::Type;
  const auto* run = step.plan->as<recipes::RunStep>();
  if (!run) return {};
  std::set<std::string_view> whole;
  for (const recipes::Mount& mount : run->mounts)
    if (mount.type != Type::bind) whole.insert(mount.from);
  std::vector<TracedInput> inputs;
  std::map<std::string_view, std::size_t> earlier;  // mounts of the same tree
  for (std::size_t i = 0; i < run->mounts.size(); ++i) {
    const std::string& name = run->mounts[i].from;
    // What the prefix itself has behind the name.
    const bool is_plain = !name.contains("//") && !name.contains('#');
    if (name.empty() || whole.contains(name) || !is_plain) continue;
    const std::size_t count = earlier[name]++;
    const std::string number = count == 0 ? "" : fmt::format("#{}", count + 1);
    inputs.push_back(
        {.mount = i, .name = name, .prefix = fmt::format("{}{}{}//", k_input_files, name, number)});
  }
  return inputs;
}

bool is_of(const std::vector<TracedInput>& inputs, std::string_view key_input) {
  for (const std::string_view kind : {"stage ", "image "})
    if (key_input.starts_with(kind))
      return std::ranges::find(inputs, key_input.substr(kind.size()), &TracedInput::name) != inputs.end();
  return false;
}

fs::ImageTrace as_part(fs::ImageTrace trace, const TracedInput& input) {
  for (fs::TracedPath& used : trace) used.path.insert(0, input.prefix);
  return trace;
}

fs::ImageTrace part_of(const fs::ImageTrace& trace, const TracedInput& input) {
  fs::ImageTrace part;
  for (const fs::TracedPath& used : trace) {
    if (!used.path.starts_with(input.prefix)) continue;
    part.push_back(used);
    part.back().path.erase(0, input.prefix.size());
  }
  return part;
}

fs::ImageTrace trace_of_nothing() {
  return {fs::TracedPath{}};
}

}  // namespace ecrin::build

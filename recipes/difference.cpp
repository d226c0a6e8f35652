#include "recipes/difference.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "recipes/step_text.hpp"

namespace ecrin::recipes {
namespace {

/// A recipe's stages by number, and each step in the one form that all ways of saying it lead to.
class Normal {
public:
  explicit Normal(const Recipe& recipe) {
    for (std::size_t i = 0; i < recipe.stages.size(); ++i) m_numbers[recipe.stages[i].name] = i;
    for (const Stage& stage : recipe.stages) m_stages.push_back(normal(stage));
  }
  const std::vector<Stage>& stages() const { return m_stages; }

private:
  Stage normal(Stage stage);
  void normalise(RunStep& run, const std::optional<std::vector<std::string>>& shell) const;
  void normalise(Mount& mount) const;
  std::string number(const std::string& name) const {
    const auto found = m_numbers.find(name);
    return found == m_numbers.end() ? name : fmt::format("#{}", found->second);
  }

  std::map<std::string, std::size_t> m_numbers;
  std::vector<std::optional<std::vector<std::string>>>
      m_shells;  // after each stage; none: the base's, unknown here
  std::vector<Stage> m_stages;
};

void Normal::normalise(Mount& mount) const {
  using Type = Mount::Type;
  mount.from = number(mount.from);
  if (mount.type == Type::bind && mount.source.empty()) mount.source = "/";
  if (mount.type == Type::cache && mount.id.empty()) mount.id = mount.target;
  if (mount.type == Type::secret && mount.target.empty() && mount.environment.empty()) {
    mount.target = "/run/secrets/" + mount.id;
  }
}

void Normal::normalise(RunStep& run, const std::optional<std::vector<std::string>>& shell) const {
  for (Mount& mount : run.mounts) normalise(mount);
  std::sort(run.env.begin(), run.env.end());
  const auto* script = std::get_if<std::string>(&run.command);
  if (script == nullptr || !shell) return;
  std::vector<std::string> words = *shell;
  words.push_back(*script);
  run.command = std::move(words);
}

Stage Normal::normal(Stage stage) {
  std::optional<std::vector<std::string>> shell;
  if (auto* from = std::get_if<FromStage>(&stage.from)) {
    const auto found = m_numbers.find(from->name);
    if (found != m_numbers.end() && found->second < m_shells.size()) shell = m_shells[found->second];
    from->name = number(from->name);
  } else if (std::holds_alternative<FromScratch>(stage.from)) {
    shell = {"/bin/sh", "-c"};
  }
  std::optional<std::vector<std::string>> own = shell;
  if (!stage.shell.empty()) own = stage.shell;
  for (Step& step : stage.steps) {
    if (auto* run = std::get_if<RunStep>(&step.kind)) {
      normalise(*run, own);
    } else if (auto* copy = std::get_if<CopyStep>(&step.kind)) {
      copy->from = number(copy->from);
    } else if (const auto* said = std::get_if<ShellStep>(&step.kind)) {
      shell = own = said->shell;
    } else if (const auto* write = std::get_if<WriteStep>(&step.kind)) {
      const std::size_t slash = write->destination.rfind('/');
      CopyStep as_copy;
      as_copy.files = {
          {write->destination.substr(slash == std::string::npos ? 0 : slash + 1), write->content}};
      as_copy.destination = write->destination;
      as_copy.owner = write->owner;
      if (write->mode != WriteStep{}.mode) as_copy.mode = write->mode;
      step.kind = std::move(as_copy);
    }
  }
  m_shells.push_back(std::move(shell));
  return stage;
}

bool includes(std::vector<KeyValue> all, const std::vector<KeyValue>& part) {
  return std::includes(all.begin(), all.end(), part.begin(), part.end());
}

bool same(const StepKind& a, const StepKind& b) {
  const auto* run = std::get_if<RunStep>(&a);
  const auto* other = std::get_if<RunStep>(&b);
  if (run == nullptr || other == nullptr) return a == b;
  RunStep with_env = *run;
  with_env.env = other->env;
  return with_env == *other && includes(other->env, run->env);
}

}  // namespace

std::optional<std::string> difference(const Recipe& a, const Recipe& b) {
  if (a.stages.size() != b.stages.size()) {
    return fmt::format("{} stages instead of {}", b.stages.size(), a.stages.size());
  }
  const Normal one(a);
  const Normal other(b);
  for (std::size_t i = 0; i < a.stages.size(); ++i) {
    const Stage& left = one.stages()[i];
    const Stage& right = other.stages()[i];
    const auto in_stage = [&](std::string_view what) {
      return fmt::format("{} of stage '{}'", what, printable(a.stages[i].name));
    };
    if (left.from != right.from) return in_stage("the base");
    if (left.platform != right.platform) return in_stage("the platform");
    if (left.annotations != right.annotations) return in_stage("the annotations");
    if (left.steps.size() != right.steps.size()) return in_stage("the number of steps");
    for (std::size_t j = 0; j < left.steps.size(); ++j) {
      if (same(left.steps[j].kind, right.steps[j].kind)) continue;
      return in_stage(fmt::format("'{}'", printable(a.stages[i].steps[j].text, 80)));
    }
  }
  return std::nullopt;
}

}  // namespace ecrin::recipes

#include "recipes/yaml_lint.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/source_kind.hpp"

namespace ecrin::recipes {
namespace {

/// "# check=..." among the comments at the top, as a Containerfile has it.
std::optional<LintDirective> find_directive(const SourceText& source) {
  const std::string_view text = source.text();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trim(text.substr(begin, end - begin));
    if (!line.starts_with('#')) return {};
    const std::string_view comment = trim(line.substr(1));
    const std::size_t equals = comment.find('=');
    if (equals != std::string_view::npos && to_lower(trim(comment.substr(0, equals))) == "check") {
      return LintDirective{.value = std::string(trim(comment.substr(equals + 1))),
                           .span = {static_cast<std::size_t>(line.data() - text.data()), line.size()}};
    }
    begin = end + 1;
  }
  return {};
}

class YamlLinter {
public:
  YamlLinter(const Recipe& recipe, const SourceText& source, const LintOptions& options,
             LintSettings settings)
      : m_recipe(recipe), m_source(source), m_options(options), m_collector(source, std::move(settings)) {}

  LintReport lint() && {
    for (const Argument& arg : m_recipe.args) {
      const Span span{span_of(arg.location).begin, arg.name.size()};
      check_secret("the argument", arg.name, span);
    }
    for (const Stage& stage : m_recipe.stages) check_stage(stage);
    return std::move(m_collector).report();
  }

private:
  Span span_of(Location location) const {
    if (location.line < 1) return {};
    const std::string_view line = m_source.line(location.line);
    const auto column = static_cast<std::size_t>(std::max(location.column, 1) - 1);
    const std::size_t begin = m_source.offset(static_cast<std::size_t>(location.line) - 1, column);
    return {begin, line.size() > column ? line.size() - column : 0};
  }

  void check_secret(std::string_view what, const std::string& name, Span span) {
    if (!names_secret(name)) return;
    m_collector.add("SecretsUsedInArgOrEnv", span,
                    fmt::format("{} '{}' looks like a secret", what, printable(name, 80)));
  }

  void check_environment(const std::vector<KeyValue>& env, Location location) {
    for (const auto& [name, value] : env) check_secret("the variable", name, span_of(location));
  }

  void check_stage(const Stage& stage) {
    if (stage.name == "scratch" || stage.name == "context") {
      m_collector.add("ReservedStageName", span_of(stage.location),
                      fmt::format("'{}' is a reserved name of a stage", stage.name));
    }
    const auto* parent = std::get_if<FromStage>(&stage.from);
    bool has_workdir = parent && m_stages_with_workdir.contains(parent->name);
    for (const Step& step : stage.steps) {
      if (const auto* env = std::get_if<EnvStep>(&step.kind))
        check_environment(env->variables, step.location);
      if (const auto* workdir = std::get_if<WorkdirStep>(&step.kind)) {
        if (!has_workdir && !workdir->path.starts_with('/')) {
          m_collector.add("WorkdirRelativePath", span_of(step.location),
                          fmt::format("the work directory '{}' is relative", printable(workdir->path, 80)));
        }
        has_workdir = true;
      }
      if (const auto* copy = std::get_if<CopyStep>(&step.kind); copy && copy->from.empty()) {
        check_sources(copy->sources, step.location);
      }
      if (const auto* add = std::get_if<AddStep>(&step.kind)) check_sources(add->sources, step.location);
    }
    if (has_workdir) m_stages_with_workdir.insert(stage.name);
  }

  void check_sources(const std::vector<std::string>& sources, Location location) {
    if (!m_options.is_ignored) return;
    for (const std::string& source : sources) {
      if (kind_of_source(source) != SourceKind::path || !m_options.is_ignored(source)) continue;
      m_collector.add("CopyIgnoredFile", span_of(location),
                      fmt::format("the ignore file leaves '{}' out", printable(source, 80)));
    }
  }

  const Recipe& m_recipe;
  const SourceText& m_source;
  const LintOptions& m_options;
  LintCollector m_collector;
  std::set<std::string> m_stages_with_workdir;
};

}  // namespace

Result<LintSettings> yaml_lint_settings(const SourceText& source,
                                        const std::map<std::string, std::string>& args) {
  return read_lint_settings(source, find_directive(source), args);
}

Result<LintReport> lint_yaml(const Recipe& recipe, const SourceText& source, const LintOptions& options) {
  LintSettings settings = TRY(yaml_lint_settings(source, options.args));
  return YamlLinter(recipe, source, options, std::move(settings)).lint();
}

}  // namespace ecrin::recipes

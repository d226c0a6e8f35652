#include "cli/recipe_check.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/ignore.hpp"
#include "build/plan.hpp"
#include "cli/table.hpp"
#include "recipes/containerfile/lint.hpp"
#include "recipes/yaml_lint.hpp"

namespace ecrin::cli {
namespace {

/// Null where the ignore file takes something back: then a directory that it leaves out may be copied in
/// part.
Result<std::function<bool(const std::string&)>> ignored_files(const build::BuildOptions& build) {
  if (build.context_directory.empty()) return nullptr;
  const Fd context = TRY(posix::open(build.context_directory, O_PATH | O_DIRECTORY));
  auto file = std::make_shared<build::IgnoreFile>(
      TRY(build::read_ignore_file(context, {.given = build.ignore_file, .recipe = build.recipe_file})));
  if (file->name.empty() || file->rules.takes_back()) return nullptr;
  return [file](const std::string& path) {
    const std::string relative = build::relative_to_root(path);
    // The whole context is left out by what leaves out every name, whatever it is.
    return file->rules.ignores(relative.empty() ? "\x01\x02\x03\x04\x05\x06\x07" : relative);
  };
}

Result<recipes::LintSettings> settings_of(const ParsedRecipe& parsed) {
  const recipes::SourceText source(parsed.source.file, parsed.source.text);
  if (parsed.recipe) return recipes::yaml_lint_settings(source, parsed.request.args);
  return recipes::containerfile::lint_settings(*parsed.containerfile, source, parsed.request.args);
}

std::string count_of(std::size_t findings, bool and_more) {
  return fmt::format("{}{} warning{}", and_more ? "more than " : "", findings, findings == 1 ? "" : "s");
}

std::vector<Json> rows_of(const ParsedRecipe& parsed, const recipes::LintReport& report) {
  std::vector<Json> rows;
  for (const recipes::LintFinding& finding : report.findings) {
    const recipes::LintRule& rule = *finding.rule;
    rows.push_back({{"ruleName", rule.name},
                    {"description", rule.summary},
                    {"detail", finding.message},
                    {"reason", rule.reason},
                    {"fix", rule.fix},
                    {"file", parsed.source.file},
                    {"line", finding.location.line},
                    {"column", finding.location.column}});
  }
  return rows;
}

}  // namespace

Result<recipes::LintReport> check_recipe(const ParsedRecipe& parsed, const build::BuildOptions& build,
                                         const FinishedRecipe* finished) {
  const recipes::SourceText source(parsed.source.file, parsed.source.text);
  recipes::LintOptions options{
      .args = parsed.request.args, .target = parsed.request.target, .platform = parsed.request.platform};
  options.is_ignored = TRY(ignored_files(build));
  if (finished) {
    options.undefined.emplace();
    for (const auto& variable : finished->undefined)
      options.undefined->emplace(variable.location.line, variable.location.column);
  }
  if (parsed.recipe) {
    recipes::Recipe looked_at = *parsed.recipe;
    if (!options.target.empty()) {
      const build::Plan plan = TRY(build::make_plan(*parsed.recipe, options.target));
      std::erase_if(looked_at.stages, [&](const recipes::Stage& stage) {
        return std::ranges::none_of(plan.stages,
                                    [&](const auto& planned) { return planned.stage->name == stage.name; });
      });
    }
    return recipes::lint_yaml(looked_at, source, options);
  }
  return recipes::containerfile::lint(*parsed.containerfile, source, options);
}

Result<> print_report(const ParsedRecipe& parsed, const recipes::LintReport& report,
                      std::string_view format) {
  if (!format.empty()) return print_formatted(format, rows_of(parsed, report));
  const recipes::SourceText source(parsed.source.file, parsed.source.text);
  for (const recipes::LintFinding& finding : report.findings) print(recipes::show(source, finding) + "\n");
  const std::size_t count = report.findings.size();
  print_line(fmt::format("{}: {}", printable(parsed.source.file),
                         count == 0 ? "no warnings" : count_of(count, report.has_more)));
  return {};
}

Result<std::string> note_findings(const ParsedRecipe& parsed, const build::BuildOptions& build,
                                  const FinishedRecipe& finished, Notes notes) {
  const recipes::LintSettings settings = TRY(settings_of(parsed));
  if (notes == Notes::unseen && !settings.fails_build) return "";
  const Result<recipes::LintReport> report = check_recipe(parsed, build, &finished);
  // A stage that this build does not need may be wrong: the build itself says what it cannot do. But what was
  // not looked at to its end is not known to be free of findings.
  if (!report && settings.fails_build && report.error().kind() == ErrorKind::limit) {
    Error error = report.error();
    return std::unexpected(std::move(error).context("checking the recipe, as it asks for itself"));
  }
  if (!report) return "";
  const std::size_t count = report->findings.size();
  if (count == 0) return "";
  std::set<std::string_view> rules;
  for (const recipes::LintFinding& finding : report->findings) rules.insert(finding.rule->name);
  if (!settings.fails_build)
    return fmt::format("{}; 'ecrin build --check' shows them", count_of(count, report->has_more));
  const std::vector<std::string> names(rules.begin(), rules.end());
  return std::unexpected(
      Error(ErrorKind::invalid,
            fmt::format("'{}' has {} by its own build checks: {}", printable(parsed.source.file),
                        count_of(count, report->has_more), join(names, ", ")))
          .hint("ecrin build --check shows them"));
}

}  // namespace ecrin::cli

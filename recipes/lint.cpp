#include "recipes/lint.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::size_t k_most_findings = 1000;
constexpr std::string_view k_settings_argument = "BUILDKIT_DOCKERFILE_CHECK";
constexpr std::string_view k_secret_words[] = {"apikey",   "auth",   "credential", "credentials", "key",
                                               "password", "passwd", "pword",      "secret",      "token"};
constexpr std::string_view k_harmless_words[] = {"public", "file", "version"};

/// Words as Go's ParseBool has them.
std::optional<bool> parse_boolean(std::string_view text) {
  for (const std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == word) return false;
  }
  return {};
}

void add_rules(std::string_view value, bool& all, std::set<std::string, std::less<>>& rules) {
  if (trim(value) == "all") {
    all = true;
    return;
  }
  for (const std::string& rule : split(value, ',')) rules.emplace(trim(rule));
}

const LintRule& find_rule(std::string_view name) {
  const std::span<const LintRule> rules = lint_rules();
  return *std::find_if(rules.begin(), rules.end(), [&](const LintRule& rule) { return rule.name == name; });
}

}  // namespace

bool LintSettings::applies(const LintRule& rule) const {
  if (rule.is_experimental) return with_experimental || experimental.contains(rule.name);
  return !skips_all && !skipped.contains(rule.name);
}

Result<LintSettings> parse_lint_settings(std::string_view text) {
  LintSettings settings;
  if (trim(text).empty()) return settings;
  for (const std::string& part : split(text, ';')) {
    const std::size_t equals = part.find('=');
    const std::string_view name = trim(std::string_view(part).substr(0, equals));
    const std::string_view value =
        equals == std::string::npos ? "" : trim(std::string_view(part).substr(equals + 1));
    if (equals != std::string::npos && name == "skip") {
      add_rules(value, settings.skips_all, settings.skipped);
    } else if (equals != std::string::npos && name == "experimental") {
      add_rules(value, settings.with_experimental, settings.experimental);
    } else if (const std::optional<bool> fails = parse_boolean(value); name == "error" && fails) {
      settings.fails_build = *fails;
    } else {
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("'{}' is no setting of build checks", printable(part, 80)))
              .hint("settings are skip=RULES, experimental=RULES and error=true, with ';' between them"));
    }
  }
  return settings;
}

Result<LintSettings> read_lint_settings(const SourceText& source,
                                        const std::optional<LintDirective>& directive,
                                        const std::map<std::string, std::string>& args) {
  if (const auto given = args.find(std::string(k_settings_argument)); given != args.end()) {
    return TRY_WHILE(parse_lint_settings(given->second), "reading the build argument {}",
                     k_settings_argument);
  }
  if (!directive) return LintSettings{};
  // What follows a blank is a comment.
  const std::string_view value = std::string_view(directive->value).substr(0, directive->value.find(' '));
  Result<LintSettings> settings = parse_lint_settings(value);
  if (settings) return settings;
  const Error& cause = settings.error();
  return std::unexpected(diagnose(source, directive->span, cause.message()).hint(cause.hint_text()));
}

LintCollector::LintCollector(const SourceText& source, LintSettings settings) : m_source(source) {
  m_report.settings = std::move(settings);
}

bool LintCollector::applies(const LintRule& rule) const {
  const LintSettings& file = m_report.settings;
  return rule.is_experimental ? file.applies(rule) || m_local.applies(rule)
                              : file.applies(rule) && m_local.applies(rule);
}

bool LintCollector::takes(std::string_view rule) const {
  return applies(find_rule(rule)) && m_report.findings.size() < k_most_findings;
}

void LintCollector::add(std::string_view name, Span span, std::string message) {
  const LintRule& rule = find_rule(name);
  if (!applies(rule)) return;
  if (m_report.findings.size() >= k_most_findings) {
    m_report.has_more = true;
    return;
  }
  m_report.findings.push_back({.rule = &rule,
                               .message = std::move(message),
                               .span = span,
                               .location = m_source.location(span.begin)});
}

LintReport LintCollector::report() && {
  std::stable_sort(m_report.findings.begin(), m_report.findings.end(),
                   [](const LintFinding& a, const LintFinding& b) { return a.span.begin < b.span.begin; });
  return std::move(m_report);
}

bool names_secret(std::string_view variable) {
  const auto has_one_of = [&](std::span<const std::string_view> words) {
    for (const std::string& part : split(to_lower(variable), '_')) {
      if (std::find(words.begin(), words.end(), part) != words.end()) return true;
    }
    return false;
  };
  return has_one_of(k_secret_words) && !has_one_of(k_harmless_words);
}

std::string show(const SourceText& source, const LintFinding& finding) {
  const std::string where =
      diagnose(source, finding.span, fmt::format("{}: {}", finding.rule->name, finding.message)).message();
  return fmt::format("{}\n  why: {}\n  fix: {}\n", where, finding.rule->reason, finding.rule->fix);
}

}  // namespace ecrin::recipes

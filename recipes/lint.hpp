// What is right in a recipe but not good: findings, each by a rule with a name, a reason and a fix. The rules
// are those of docker's build checks and have their names, so that what skips one there skips it here. Each
// language has its own linter (recipes/containerfile/lint, recipes/yaml_lint); this is what they share.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "oci/platform.hpp"
#include "recipes/diagnostics.hpp"

namespace ecrin::recipes {

struct LintRule {
  std::string_view name;
  std::string_view summary;  // what it asks for
  std::string_view reason;
  std::string_view fix;
  bool is_experimental = false;  // checked only where it is asked for
};
std::span<const LintRule> lint_rules();

struct LintFinding {
  const LintRule* rule = nullptr;
  std::string message;  // about this place
  Span span;
  Location location;
};

/// Which rules count: "skip=RuleA,RuleB;error=true;experimental=all".
struct LintSettings {
  bool skips_all = false;
  std::set<std::string, std::less<>> skipped;
  bool with_experimental = false;
  std::set<std::string, std::less<>> experimental;
  bool fails_build = false;  // a finding is an error

  bool applies(const LintRule& rule) const;
};
Result<LintSettings> parse_lint_settings(std::string_view text);
/// "# check=..." among the directives at the top of a text, where no build argument says it.
struct LintDirective {
  std::string value;
  Span span;
};
Result<LintSettings> read_lint_settings(const SourceText& source,
                                        const std::optional<LintDirective>& directive,
                                        const std::map<std::string, std::string>& args);

struct LintOptions {
  std::map<std::string, std::string> args;  // --build-arg; BUILDKIT_DOCKERFILE_CHECK is settings
  std::string target = {};  // what its stages do is looked at, and what those that it needs; "" = all do
  std::optional<oci::Platform> platform = {};  // none: the host's
  /// Do the ignore rules leave this file of the context out, whatever else they say? Null: nobody knows. The
  /// context itself is "".
  std::function<bool(const std::string& path)> is_ignored;
  /// Line and column of what has variables that nobody defines, when the bases are known; none: nobody knows.
  std::optional<std::set<std::pair<int, int>>> undefined = {};
};

struct LintReport {
  LintSettings settings;
  std::vector<LintFinding> findings;  // in the order of the text
  bool has_more = false;              // than the 1,000 that are kept
};

/// Collects what the settings let through.
class LintCollector {
public:
  LintCollector(const SourceText& source, LintSettings settings);

  void add(std::string_view rule, Span span, std::string message);
  /// Is a finding of the rule kept? Where a message takes work: ask before.
  bool takes(std::string_view rule) const;
  /// Settings that count until the next call, besides those of the file.
  void set_local(LintSettings settings) { m_local = std::move(settings); }
  LintReport report() &&;

private:
  bool applies(const LintRule& rule) const;

  const SourceText& m_source;
  LintSettings m_local;
  LintReport m_report;
};

/// Is a variable of this name likely to hold a secret?
bool names_secret(std::string_view variable);

/// For people: the finding with its place, the source line, reason and fix.
std::string show(const SourceText& source, const LintFinding& finding);

}  // namespace ecrin::recipes

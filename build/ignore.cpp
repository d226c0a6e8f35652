#include "build/ignore.hpp"

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::build {

namespace {
constexpr std::uint64_t k_ignore_file_limit = 1u << 20;
constexpr std::size_t k_rule_limit = 10'000;
}  // namespace

Result<> IgnoreRules::add(std::string_view line) {
  bool take_back = false;
  std::string_view text = trim(line);
  if (text.starts_with('!')) {
    take_back = true;
    text = trim(text.substr(1));
    if (text.empty()) return fail(ErrorKind::invalid, "a '!' without a pattern");
  }
  if (text.empty()) return {};
  std::string cleaned = clean_path(text);
  if (cleaned.size() > 1 && cleaned.starts_with('/')) cleaned.erase(0, 1);
  // "." is the context itself: docker's matcher has it match nothing.
  if (cleaned == "." || cleaned == "/") return {};
  if (m_rules.size() >= k_rule_limit) {
    return fail(ErrorKind::limit, "more than {} patterns", k_rule_limit);
  }
  m_rules.push_back({TRY(Pattern::compile(cleaned)), take_back});
  m_takes_back = m_takes_back || take_back;
  return {};
}

Result<IgnoreRules> IgnoreRules::parse(std::string_view text, std::string_view file) {
  IgnoreRules rules;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::size_t number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    if (line.starts_with('#')) continue;
    TRY_WHILE(rules.add(line), "reading {}:{}", file, number);
  }
  return rules;
}

Result<IgnoreRules> IgnoreRules::from_patterns(const std::vector<std::string>& patterns) {
  IgnoreRules rules;
  for (const std::string& pattern : patterns) TRY(rules.add(pattern));
  return rules;
}

IgnoreRules::State IgnoreRules::state(const State* directory, std::string_view path) const {
  State state;
  state.matched.resize(m_rules.size(), 0);
  for (std::size_t i = 0; i < m_rules.size(); ++i) {
    const bool matched = (directory && directory->matched[i]) || m_rules[i].pattern.matches(path);
    state.matched[i] = matched ? 1 : 0;
    if (matched) state.ignored = !m_rules[i].take_back;
  }
  return state;
}

bool IgnoreRules::ignores(std::string_view path) const {
  if (m_rules.empty() || path.empty()) return false;
  State state;
  bool first = true;
  for (std::size_t slash = 0; slash != std::string_view::npos;) {
    slash = path.find('/', slash + 1);
    state = this->state(first ? nullptr : &state, path.substr(0, slash));
    first = false;
  }
  return state.ignored;
}

namespace {

Result<IgnoreFile> read_rules(const Fd& file, const std::string& name) {
  const struct stat status = TRY(posix::stat_fd(file));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::invalid, "the ignore file '{}' is not a regular file", printable(name));
  }
  const std::string text = TRY_WHILE(posix::read_fd(file, k_ignore_file_limit), "reading '{}'", name);
  IgnoreRules rules = TRY(IgnoreRules::parse(text, name));
  return IgnoreFile{name, std::move(rules)};
}

}  // namespace

Result<IgnoreFile> read_ignore_file(const Fd& root, const IgnorePlaces& places) {
  if (!places.given.empty()) {
    return read_rules(TRY(posix::open(places.given, O_RDONLY | O_NONBLOCK)), places.given);
  }
  for (const char* ending : {".containerignore", ".dockerignore"}) {
    if (places.recipe.empty()) break;
    // The recipe is the user's own word: what stands beside it may lie anywhere.
    const auto file = posix::open(places.recipe + ending, O_RDONLY | O_NONBLOCK);
    if (file) return read_rules(*file, base_name(places.recipe) + ending);
    if (file.error().kind() != ErrorKind::not_found) return std::unexpected(file.error());
  }
  for (const char* name : {".containerignore", ".dockerignore"}) {
    const auto file = posix::open_in_root(root, name, O_RDONLY | O_NONBLOCK);
    if (file) return read_rules(*file, name);
    if (file.error().kind() != ErrorKind::not_found) return std::unexpected(file.error());
  }
  return IgnoreFile{};
}

}  // namespace ecrin::build

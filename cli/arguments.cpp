#include "cli/arguments.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::cli {
namespace {

const Flag* find_flag(const Verb& verb, std::string_view name) {
  const auto found = std::ranges::find(verb.flags, name, &Flag::name);
  return found == verb.flags.end() ? nullptr : &*found;
}

const Flag* find_letter(const Verb& verb, char letter) {
  const auto found = std::ranges::find(verb.flags, letter, &Flag::letter);
  return found == verb.flags.end() ? nullptr : &*found;
}

std::unexpected<Error> usage_error(const Verb& verb, std::string message, std::string hint = "") {
  if (hint.empty()) {
    hint =
        verb.name == program().name ? "see 'ecrin --help'" : fmt::format("see 'ecrin {} --help'", verb.name);
  }
  return std::unexpected(Error(ErrorKind::invalid, std::move(message)).hint(std::move(hint)));
}

std::unexpected<Error> unknown_flag(const Verb& verb, const std::string& word) {
  const std::string_view name = std::string_view(word).substr(0, word.find('='));
  std::vector<std::string> spelled;
  for (const Flag& flag : verb.flags) spelled.push_back("--" + std::string(flag.name));
  std::vector<std::string_view> candidates(spelled.begin(), spelled.end());
  candidates.emplace_back("--help");
  std::string hint;
  if (&verb != &program() && name.starts_with("--") && find_flag(program(), name.substr(2))) {
    hint = fmt::format("'{}' goes before the verb: ecrin {} ... {}", name, name, verb.name);
  } else {
    hint = did_you_mean(name, candidates);
  }
  const std::string where = &verb == &program() ? "" : fmt::format(" for 'ecrin {}'", verb.name);
  return usage_error(verb, fmt::format("unknown flag '{}'{}", printable(name), where), std::move(hint));
}

std::string spelling(const Flag& flag) {
  return "--" + std::string(flag.name);
}

Result<std::string> checked_value(const Verb& verb, const Flag& flag, const std::string& value) {
  if (flag.value.empty()) {
    for (const char* word : {"true", "1", "t", "yes"}) {
      if (to_lower(value) == word) return "true";
    }
    for (const char* word : {"false", "0", "f", "no"}) {
      if (to_lower(value) == word) return "false";
    }
    return usage_error(verb,
                       fmt::format("{} takes true or false, not '{}'", spelling(flag), printable(value)));
  }
  if (!flag.words.empty() && std::ranges::find(flag.words, value) == flag.words.end()) {
    std::string allowed;
    for (const std::string_view word : flag.words)
      allowed += (allowed.empty() ? "" : ", ") + std::string(word);
    return usage_error(verb,
                       fmt::format("{} is one of {}, not '{}'", spelling(flag), allowed, printable(value)),
                       did_you_mean(value, flag.words));
  }
  return value;
}

std::string flag_column(const Flag& flag) {
  std::string text = flag.letter ? fmt::format("-{}, ", flag.letter) : "    ";
  text += spelling(flag);
  if (flag.value.empty()) return text;
  return text + (flag.alone.empty() ? fmt::format(" {}", flag.value) : fmt::format("[={}]", flag.value));
}

// Breaks text at blanks so that no line is longer than `width`; lines after the first start with `indent`
// blanks.
std::string wrap(std::string_view text, std::size_t indent, std::size_t width) {
  std::string result;
  std::size_t column = indent;
  for (const std::string& word : split(text, ' ')) {
    if (column > indent && column + 1 + word.size() > width) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result;
}

}  // namespace

bool Arguments::on(std::string_view flag, bool otherwise) const {
  const auto found = m_values.find(flag);
  return found == m_values.end() ? otherwise : found->second.back() == "true";
}

std::optional<std::string> Arguments::find(std::string_view flag) const {
  const auto found = m_values.find(flag);
  if (found == m_values.end()) return std::nullopt;
  return found->second.back();
}

std::string Arguments::value(std::string_view flag, std::string_view otherwise) const {
  return find(flag).value_or(std::string(otherwise));
}

std::vector<std::string> Arguments::words(std::string_view flag) const {
  std::vector<std::string> words;
  for (const std::string& value : values(flag)) {
    for (std::string& word : split(value, ',')) words.push_back(std::move(word));
  }
  return words;
}

std::vector<std::string> Arguments::values(std::string_view flag) const {
  const auto found = m_values.find(flag);
  return found == m_values.end() ? std::vector<std::string>{} : found->second;
}

Result<Arguments> parse_arguments(const Verb& verb, std::span<const std::string> words) {
  Arguments result;
  std::size_t next = 0;
  const auto add = [&](const Flag& flag, const std::string& value) -> Result<> {
    result.m_values[std::string(flag.name)].push_back(TRY(checked_value(verb, flag, value)));
    return {};
  };
  const auto take_value = [&](const Flag& flag) -> Result<std::string> {
    if (next >= words.size())
      return usage_error(verb, fmt::format("{} needs a value: {}", spelling(flag), flag.value));
    return words[next++];
  };
  while (next < words.size()) {
    const std::string& word = words[next++];
    if (word == "--") {
      result.m_before_dashes = result.m_operands.size();
      result.m_operands.insert(result.m_operands.end(), words.begin() + static_cast<std::ptrdiff_t>(next),
                               words.end());
      break;
    }
    if (word.starts_with("--")) {
      const std::size_t equals = word.find('=');
      const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
      const Flag* flag = find_flag(verb, name);
      if (flag == nullptr && name == "help") {
        result.m_help = true;
        return result;
      }
      if (flag == nullptr) return unknown_flag(verb, word);
      if (equals != std::string::npos) {
        TRY(add(*flag, word.substr(equals + 1)));
      } else if (flag->value.empty()) {
        TRY(add(*flag, "true"));
      } else if (!flag->alone.empty()) {
        TRY(add(*flag, std::string(flag->alone)));
      } else {
        TRY(add(*flag, TRY(take_value(*flag))));
      }
      continue;
    }
    if (word.size() > 1 && word.starts_with('-')) {
      for (std::size_t position = 1; position < word.size(); ++position) {
        const Flag* flag = find_letter(verb, word[position]);
        if (flag == nullptr && word[position] == 'h') {
          result.m_help = true;
          return result;
        }
        if (flag == nullptr)
          return unknown_flag(verb, word.size() == 2 ? word : fmt::format("-{}", word[position]));
        const std::string rest = word.substr(position + 1);
        if (flag->value.empty() && !rest.starts_with('=')) {
          TRY(add(*flag, "true"));
          continue;
        }
        if (rest.empty()) {
          TRY(add(*flag, TRY(take_value(*flag))));
        } else {
          TRY(add(*flag, rest.starts_with('=') ? rest.substr(1) : rest));
        }
        break;
      }
      continue;
    }
    result.m_operands.push_back(word);
    if (verb.order == Order::flags_first) {
      result.m_operands.insert(result.m_operands.end(), words.begin() + static_cast<std::ptrdiff_t>(next),
                               words.end());
      break;
    }
  }
  if (result.m_operands.size() < verb.least_operands) {
    return usage_error(verb, fmt::format("'ecrin {}' needs {}", verb.name, verb.operands));
  }
  if (result.m_operands.size() > verb.most_operands) {
    return usage_error(verb, fmt::format("'ecrin {}' has no use for '{}'", verb.name,
                                         printable(result.m_operands[verb.most_operands])));
  }
  return result;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string found = nearest(word, candidates);
  return found.empty() ? "" : fmt::format("did you mean '{}'?", found);
}

std::string help_text(const Verb& verb) {
  const bool is_program = &verb == &program();
  std::string text =
      fmt::format("{}\n\nUsage: ecrin{}{}{} {}\n", verb.summary, is_program ? "" : " ",
                  is_program ? "" : verb.name, verb.flags.empty() ? "" : " [FLAGS]", verb.operands);
  if (!verb.details.empty()) {
    text += '\n';
    for (const std::string& paragraph : split(verb.details, '\n')) text += wrap(paragraph, 0, 92) + "\n";
  }
  std::vector<Flag> flags = verb.flags;
  if (std::ranges::find(flags, "help", &Flag::name) == flags.end()) {
    const bool letter_free = find_letter(verb, 'h') == nullptr;
    flags.push_back(
        {.name = "help", .letter = letter_free ? 'h' : '\0', .value = "", .help = "show this text"});
  }
  std::size_t width = 0;
  for (const Flag& flag : flags) width = std::max(width, flag_column(flag).size());
  text += "\nFlags:\n";
  for (const Flag& flag : flags) {
    const std::size_t indent = width + 4;
    std::string help(flag.help);
    if (flag.occurs == Occurs::often) help += " (repeatable)";
    text += fmt::format("  {:<{}}  {}\n", flag_column(flag), width,
                        wrap(help, indent, std::max<std::size_t>(indent + 40, 100)));
  }
  return text;
}

const Verb& program() {
  static const Verb verb{
      .name = "ecrin",
      .operands = "VERB ...",
      .summary = "Builds OCI images from recipes and runs them, as an ordinary user.",
      .flags =
          {
              {.name = "root",
               .value = "DIR",
               .help = "the store; default $ECRIN_ROOT, else the user's data directory",
               .completion = Completion::directory},
              {.name = "driver",
               .value = "NAME",
               .help = "how layers are mounted; default: the first that works",
               .completion = Completion::word,
               .words = {"overlay", "fuse-overlayfs", "copy"}},
              {.name = "debug", .value = "", .help = "the same as --log-level=debug"},
              {.name = "log-level",
               .value = "LEVEL",
               .help = "the least important messages to show; default warning",
               .completion = Completion::word,
               .words = {"debug", "info", "warning", "error"}},
              {.name = "version", .letter = 'v', .value = "", .help = "show the version"},
          },
      .order = Order::flags_first,
  };
  return verb;
}

}  // namespace ecrin::cli

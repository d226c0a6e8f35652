// verb: completion
// Completion scripts ask the program itself: `ecrin completion --words WORD...` prints the candidates for the
// last word. So a script never grows old, and there is one description of the flags.
#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_bash = R"script(# bash completion for ecrin: source <(ecrin completion bash)
_ecrin() {
  # Readline parts words at : and = too (names of images, --flag=value). The program is asked with the words as
  # they were typed, and what it answers loses the part before the last such sign, which readline keeps.
  local line="${COMP_LINE:0:COMP_POINT}" words=() word blanks
  for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    blanks="${line%%[![:space:]]*}"
    line="${line#"$blanks"}"
    [[ "$line" == "$word"* ]] || word="$line"
    line="${line#"$word"}"
    if [[ -n "$blanks" || ${#words[@]} -eq 0 ]]; then words+=("$word"); else words[-1]+="$word"; fi
  done
  local signs='' current="${words[-1]}" kept before candidates
  [[ "$COMP_WORDBREAKS" == *:* ]] && signs+=:
  [[ "$COMP_WORDBREAKS" == *=* ]] && signs+==
  kept="$current"
  [[ -n "$signs" ]] && kept="${current##*["$signs"]}"
  before="${current%"$kept"}"
  candidates="$(ecrin completion --words -- "${words[@]:1}" 2>/dev/null)"
  COMPREPLY=()
  case "$candidates" in
    :file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$kept") ;;
    :directory) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$kept") ;;
    *)
      while IFS=$'\t' read -r word _; do
        [[ -n "$word" && "$word" == "$current"* ]] && COMPREPLY+=("${word#"$before"}")
      done <<<"$candidates"
      ;;
  esac
}
complete -F _ecrin ecrin
)script";

constexpr std::string_view k_zsh = R"script(#compdef ecrin
# zsh completion for ecrin: put it as _ecrin on fpath, or: source <(ecrin completion zsh)
_ecrin() {
  local -a lines candidates
  lines=("${(@f)$(ecrin completion --words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case "$lines[1]" in
    :file|:directory)
      [[ "$words[CURRENT]" == --*=* ]] && compset -P 1 '*='
      if [[ "$lines[1]" == :file ]]; then _files; else _files -/; fi
      return
      ;;
  esac
  local line name help
  for line in $lines; do
    [[ -z "$line" ]] && continue
    name="${line%%$'\t'*}" help="${line#*$'\t'}"
    candidates+=("${name//:/\\:}${help:+:$help}")
  done
  _describe 'ecrin' candidates
}
if [[ "$funcstack[1]" == _ecrin ]]; then _ecrin "$@"; else compdef _ecrin ecrin; fi
)script";

constexpr std::string_view k_fish = R"script(# fish completion for ecrin: ecrin completion fish | source
function __ecrin_complete
    set -l current (commandline -ct)
    set -l words (commandline -opc)[2..-1] $current
    set -l lines (ecrin completion --words -- $words 2>/dev/null)
    # of --flag=PATH only PATH is a path
    set -l head (string match -r -- '^--[^=]+=' $current)
    set -l path (string replace -- "$head" '' $current)
    switch "$lines[1]"
        case :file
            printf "$head%s\n" (__fish_complete_path $path)
        case :directory
            printf "$head%s\n" (__fish_complete_directories $path)
        case '*'
            printf '%s\n' $lines
    end
end
complete -c ecrin -f -a '(__ecrin_complete)'
)script";

std::string candidate(std::string_view word, std::string_view help) {
  return fmt::format("{}\t{}\n", word, help);
}

std::string flag_candidates(const Verb& verb) {
  std::string text;
  for (const Flag& flag : verb.flags) text += candidate("--" + std::string(flag.name), flag.help);
  return text + candidate("--help", "show this text");
}

std::string verb_candidates() {
  std::string text;
  for (const Verb* verb : verbs())
    if (!verb->name.contains(' ')) text += candidate(verb->name, verb->summary);
  text += candidate("image", "the verbs of images in podman's noun form");
  return text + candidate("manifest", "make and change indexes of images");
}

std::string value_candidates(Completion completion, std::span<const std::string_view> words,
                             std::span<const std::string> images) {
  std::string text;
  switch (completion) {
    case Completion::nothing:
      return "";
    case Completion::file:
      return ":file\n";
    case Completion::directory:
      return ":directory\n";
    case Completion::image:
      for (const std::string& name : images) text += candidate(name, "image");
      return text;
    case Completion::word:
      for (const std::string_view word : words) text += candidate(word, "");
      return text;
  }
  return text;
}

// Where the last word stands: a value of `flag`, an operand, or a flag's name.
struct Position {
  const Verb* verb = nullptr;  // nullptr: the verb itself is being typed
  std::string_view noun;       // not empty: the word after it, as after `image`
  const Flag* flag = nullptr;  // the word is this flag's value
  std::size_t operands = 0;    // before the word
  bool flags_ended = false;
};

const Flag* flag_of(const Verb& verb, const std::string& word) {
  for (const Flag& flag : verb.flags) {
    if (word == "--" + std::string(flag.name) || (flag.letter && word == fmt::format("-{}", flag.letter)))
      return &flag;
  }
  return nullptr;
}

// Skips flags and their values; returns the index of the first operand at or after `next`.
Position find_position(std::span<const std::string> words) {
  Position position;
  const Verb* verb = &program();
  std::size_t next = 0;
  while (next + 1 < words.size()) {
    const std::string& word = words[next++];
    position.flag = nullptr;
    if (!position.flags_ended && word.starts_with('-') && word.size() > 1) {
      if (word == "--") position.flags_ended = true;
      const Flag* flag = flag_of(*verb, word);
      if (flag == nullptr || flag->value.empty()) continue;
      if (next + 1 == words.size()) {
        position.flag = flag;
        break;
      }
      ++next;
      continue;
    }
    if (verb == &program()) {
      if (const auto noun = std::ranges::find(nouns(), word);
          noun != nouns().end() && next + 1 == words.size()) {
        position.noun = *noun;
        return position;
      }
      const auto match = find_verb(words.subspan(next - 1));
      if (!match) return position;
      verb = match->verb;
      position.verb = verb;
      next += match->words - 1;
    } else {
      ++position.operands;
      if (verb->order == Order::flags_first) position.flags_ended = true;
    }
  }
  if (position.flag != nullptr && position.verb == nullptr) position.verb = &program();
  return position;
}

}  // namespace

std::string complete(std::span<const std::string> words, std::span<const std::string> images) {
  if (words.empty()) return verb_candidates();
  const Position position = find_position(words);
  const std::string& current = words.back();
  if (!position.noun.empty()) {
    std::string text;
    for (const std::string_view word : words_after(position.noun)) text += candidate(word, "");
    return text;
  }
  if (position.flag != nullptr)
    return value_candidates(position.flag->completion, position.flag->words, images);
  const Verb& verb = position.verb == nullptr ? program() : *position.verb;
  if (!position.flags_ended && current.starts_with('-')) {
    const std::size_t equals = current.find('=');
    const Flag* flag = equals == std::string::npos ? nullptr : flag_of(verb, current.substr(0, equals));
    if (flag == nullptr) return flag_candidates(verb);
    if (flag->completion == Completion::file || flag->completion == Completion::directory)
      return value_candidates(flag->completion, {}, {});
    std::string text;
    for (const std::string_view word : flag->words)
      text += candidate(current.substr(0, equals + 1) + std::string(word), "");
    return text;
  }
  if (position.verb == nullptr) return verb_candidates();
  if (position.operands >= verb.most_operands) return "";
  if (&verb == &help_verb()) return verb_candidates();
  // A program's arguments are the program's own affair: paths are the best guess.
  if (verb.order == Order::flags_first && position.operands > 0) return ":file\n";
  return value_candidates(verb.completion, verb.words, images);
}

std::string typed_root(std::span<const std::string> words) {
  constexpr std::string_view name = "--root";
  std::string root;
  for (std::size_t index = 0; index + 1 < words.size() && words[index].starts_with('-'); ++index) {
    const std::string& word = words[index];
    if (word.starts_with("--root=")) root = word.substr(name.size() + 1);
    const Flag* flag = flag_of(program(), word);
    if (flag == nullptr || flag->value.empty()) continue;
    ++index;
    if (word == name && index + 1 < words.size()) root = words[index];
  }
  return root;
}

bool completes_images(std::span<const std::string> words) {
  const std::string mark = "\x01";
  return complete(words, std::span(&mark, 1)).contains(mark);
}

namespace {

// The names in the store that the typed words mean. Asking makes no store where there is none.
Result<std::vector<std::string>> image_names(Session& session, std::span<const std::string> words) {
  Session meant({.root = typed_root(words), .driver = std::nullopt}, session.console(), session.environment(),
                session.style());
  if (!posix::open(TRY(meant.root()), O_PATH | O_DIRECTORY)) return std::vector<std::string>();
  std::vector<std::string> names;
  for (const oci::ImageRecord& record : TRY(TRY(meant.images())->list_all())) {
    names.insert(names.end(), record.names.begin(), record.names.end());
  }
  return names;
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& operands = arguments.operands();
  if (arguments.on("words")) {
    const bool with_images = completes_images(operands);
    print(complete(operands, with_images ? TRY(image_names(session, operands)) : std::vector<std::string>()));
    return 0;
  }
  const std::string shell = operands.empty() ? "" : operands.front();
  if (operands.size() == 1 && shell == "bash") {
    print(k_bash);
  } else if (operands.size() == 1 && shell == "zsh") {
    print(k_zsh);
  } else if (operands.size() == 1 && shell == "fish") {
    print(k_fish);
  } else {
    return std::unexpected(Error(ErrorKind::invalid, "'ecrin completion' needs bash, zsh or fish"));
  }
  return 0;
}

}  // namespace

const Verb& completion_verb() {
  static const Verb verb{
      .name = "completion",
      .operands = "bash|zsh|fish",
      .summary = "Print a completion script for a shell",
      .flags = {{.name = "words",
                 .value = "",
                 .help = "for the scripts: print candidates for the last of the words that follow"}},
      .completion = Completion::word,
      .words = {"bash", "zsh", "fish"},
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// COPY and ADD: flags, sources with here-documents among them, a destination.
#include <fmt/core.h>

#include <map>
#include <set>

#include "base/text.hpp"
#include "recipes/containerfile/heredoc.hpp"
#include "recipes/containerfile/instructions.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr FlagRule k_copy_flags[] = {{"chmod"},
                                     {"chown"},
                                     {"exclude", FlagRule::Kind::texts},
                                     {"from"},
                                     {"link", FlagRule::Kind::boolean},
                                     {"parents", FlagRule::Kind::boolean}};
constexpr FlagRule k_add_flags[] = {{"checksum"},
                                    {"chmod"},
                                    {"chown"},
                                    {"exclude", FlagRule::Kind::texts},
                                    {"keep-git-dir", FlagRule::Kind::boolean},
                                    {"link", FlagRule::Kind::boolean},
                                    {"unpack", FlagRule::Kind::boolean}};

/// The flags that only the other one has deserve more than "unknown flag".
Result<> check_transfer_flags(const InstructionText& text, bool is_add) {
  for (const Flag& flag : text.flags) {
    const bool is_copys = is_add && (flag.name == "from" || flag.name == "parents");
    const bool is_adds =
        !is_add && (flag.name == "checksum" || flag.name == "keep-git-dir" || flag.name == "unpack");
    if (!is_copys && !is_adds) continue;
    return text.refuse(flag.span, fmt::format("unknown flag '--{}' of {}", flag.name, text.name),
                       fmt::format("{} has this flag", is_copys ? "COPY" : "ADD"));
  }
  if (is_add) return check_flags(text, k_add_flags);
  return check_flags(text, k_copy_flags);
}

/// Sources and destination. A source "<<EOF" is the here-document of that name; of several the last. It is
/// one file, however often it is a source.
Result<> read_paths(const InstructionText& text, TransferInstruction& transfer,
                    std::vector<Heredoc>& heredocs) {
  std::optional<std::vector<Word>> exec = TRY(split_exec_form(text));
  std::vector<Word> words = exec ? std::move(*exec) : split_words(text);
  if (words.size() < 2) {
    return text.refuse(
        text.arguments_span(),
        fmt::format("{} requires at least two arguments: a source and a destination", text.name));
  }
  transfer.destination = std::move(words.back());
  words.pop_back();
  if (!exec && parse_heredoc_mark(transfer.destination.text)) {
    return text.refuse(transfer.destination.span,
                       fmt::format("a here-document cannot be the destination of {}", text.name),
                       "write the destination after the here-document's name, on the same line");
  }
  std::map<std::string, std::size_t, std::less<>> by_name;
  for (std::size_t i = 0; i < heredocs.size(); ++i) by_name[heredocs[i].name] = i;
  std::set<std::size_t> taken;
  std::vector<Heredoc> used;
  for (Word& word : words) {
    const std::optional<HeredocMark> mark = exec ? std::nullopt : parse_heredoc_mark(word.text);
    if (!mark) {
      transfer.sources.push_back(std::move(word));
      continue;
    }
    const auto found = by_name.find(mark->name);
    if (found == by_name.end()) {
      return refuse_without_content(text, word.span);
    }
    if (!taken.insert(found->second).second) continue;
    used.push_back(std::move(heredocs[found->second]));
    used.back().span = word.span;
  }
  heredocs = std::move(used);
  return {};
}

}  // namespace

Result<InstructionKind> read_transfer(const InstructionText& text, std::vector<Heredoc>& heredocs) {
  TransferInstruction transfer;
  transfer.is_add = text.name == "ADD";
  TRY(check_transfer_flags(text, transfer.is_add));
  TRY(read_paths(text, transfer, heredocs));
  transfer.from = flag_value(text, "from");
  transfer.chown = flag_value(text, "chown");
  transfer.chmod = flag_value(text, "chmod");
  transfer.checksum = flag_value(text, "checksum");
  transfer.exclude = flag_values(text, "exclude");
  transfer.link = flag_boolean(text, "link").value_or(false);
  transfer.parents = flag_boolean(text, "parents").value_or(false);
  transfer.keep_git_directory = flag_boolean(text, "keep-git-dir").value_or(false);
  transfer.unpack = flag_boolean(text, "unpack");
  return transfer;
}

}  // namespace ecrin::recipes::containerfile

// COPY and ADD.
#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/lower_parts.hpp"
#include "recipes/file_mode.hpp"
#include "recipes/source_kind.hpp"

namespace ecrin::recipes::containerfile {
namespace {

bool is_remote(std::string_view source) {
  return kind_of_source(source) != SourceKind::path;
}

struct Parts {
  std::vector<std::string> sources;
  std::vector<InlineFile> files;
  std::string destination;
  std::string owner;
  FileMode mode;
  std::vector<std::string> exclude;
};

Result<Parts> expand_parts(StageScope& scope, const Instruction& instruction,
                           const TransferInstruction& transfer) {
  Parts parts;
  for (const Word& word : transfer.sources) {
    std::string source = TRY(scope.expand(word));
    // All of the context or stage, as docker takes it.
    if (source.empty()) source = ".";
    parts.sources.push_back(std::move(source));
  }
  for (const Heredoc& heredoc : instruction.heredocs) {
    if (heredoc.name.contains('/') || heredoc.name == "." || heredoc.name == "..") {
      return scope.refuse(heredoc.span,
                          fmt::format("'{}' cannot be the name of a file", printable(heredoc.name, 80)));
    }
    std::string content = TRY(scope.expand_heredoc(heredoc));
    parts.files.push_back({heredoc.name, std::move(content)});
  }
  parts.destination = TRY(scope.expand(transfer.destination));
  // Where one is, as docker takes it.
  if (parts.destination.empty()) parts.destination = "./";
  if (transfer.chown) parts.owner = TRY(scope.expand(*transfer.chown));
  if (transfer.chmod) {
    const std::string text = TRY(scope.expand(*transfer.chmod));
    auto mode = parse_file_mode(text);
    if (!text.empty() && !mode)
      return scope.refuse(transfer.chmod->span, mode.error().message(), mode.error().hint_text());
    if (mode) parts.mode = std::move(*mode);
  }
  for (const Word& word : transfer.exclude) parts.exclude.push_back(word.text);
  return parts;
}

Result<> check_checksum(const StageScope& scope, const Word& word, const std::string& checksum,
                        const std::vector<std::string>& sources) {
  if (sources.size() != 1) {
    return scope.refuse(word.span, sources.empty()
                                       ? "--checksum is for what is downloaded, and here is nothing of that"
                                       : "--checksum is for one source, and there are several");
  }
  if (!is_remote(sources[0]))
    return scope.refuse(word.span, "--checksum is for what is downloaded, and the source is a file");
  if (kind_of_source(sources[0]) == SourceKind::git) {
    const bool good = checksum.size() >= 7 && checksum.size() <= 64 &&
                      checksum.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (good) return {};
    return scope.refuse(
        word.span, fmt::format("--checksum of a git source is a commit, not '{}'", printable(checksum, 80)));
  }
  const bool good = ((checksum.starts_with("sha256:") && checksum.size() == 7 + 64) ||
                     (checksum.starts_with("sha512:") && checksum.size() == 7 + 128)) &&
                    checksum.find_first_not_of("0123456789abcdef", 7) == std::string::npos;
  if (good) return {};
  return scope.refuse(word.span,
                      fmt::format("--checksum is sha256: and 64 hex digits, or sha512: and 128, not '{}'",
                                  printable(checksum, 100)),
                      "'sha256sum FILE' prints them");
}

/// What both have.
template <class Step>
void fill(Step& step, Parts parts) {
  step.sources = std::move(parts.sources);
  step.files = std::move(parts.files);
  step.destination = std::move(parts.destination);
  step.owner = std::move(parts.owner);
  step.mode = parts.mode.mode;
  step.mode_change = std::move(parts.mode.change);
  step.exclude = std::move(parts.exclude);
}

Result<StepKind> lower_add(StageScope& scope, const TransferInstruction& transfer, Parts parts) {
  AddStep step;
  if (transfer.checksum) {
    step.checksum = TRY(scope.expand(*transfer.checksum));
    TRY(check_checksum(scope, *transfer.checksum, step.checksum, parts.sources));
  }
  fill(step, std::move(parts));
  step.link = transfer.link;
  step.keep_git_directory = transfer.keep_git_directory;
  step.unpack = transfer.unpack;
  return StepKind(std::move(step));
}

}  // namespace

Result<StepKind> lower_transfer(StageScope& scope, const Instruction& instruction,
                                const TransferInstruction& transfer) {
  Parts parts = TRY(expand_parts(scope, instruction, transfer));
  if (transfer.is_add) return lower_add(scope, transfer, std::move(parts));
  for (std::size_t i = 0; i < parts.sources.size(); ++i) {
    if (!is_remote(parts.sources[i])) continue;
    return scope.refuse(transfer.sources[i].span,
                        fmt::format("COPY downloads nothing: '{}'", printable(parts.sources[i], 120)),
                        "ADD does");
  }
  CopyStep step;
  if (transfer.from) {
    step.from =
        TRY(find_file_source(scope.all, scope.index, *scope.source, transfer.from->text, transfer.from->span))
            .name;
  }
  fill(step, std::move(parts));
  step.parents = transfer.parents;
  step.link = transfer.link;
  return StepKind(std::move(step));
}

}  // namespace ecrin::recipes::containerfile

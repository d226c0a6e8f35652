// The steps of a stage: a list of mappings with one key each, which names what the step does.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/file_mode.hpp"
#include "recipes/source_kind.hpp"
#include "recipes/yaml_parts.hpp"
#include "recipes/yaml_values.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::string_view k_step_keys[] = {
    "run",        "copy",   "add",    "write",       "env",         "workdir", "user",    "label", "cmd",
    "entrypoint", "expose", "volume", "stop_signal", "healthcheck", "shell",   "onbuild", "author"};
constexpr const char* k_step_hint =
    "there are run, copy, add, write, env, workdir, user, label, cmd, entrypoint, expose, volume, "
    "stop_signal, healthcheck, shell, onbuild and author";
constexpr std::string_view k_copy_keys[] = {"from", "src",     "files",   "dest", "owner",
                                            "mode", "exclude", "parents", "link"};
constexpr std::string_view k_add_keys[] = {"src",  "files",   "dest", "checksum",     "owner",
                                           "mode", "exclude", "link", "keep_git_dir", "unpack"};
constexpr std::string_view k_write_keys[] = {"dest", "content", "owner", "mode", "expand"};

struct Transfer {
  std::vector<std::string> sources;
  std::vector<const YamlNode*> source_nodes;
  std::vector<InlineFile> files;
  std::string destination;
  std::string owner;
  std::optional<std::uint32_t> mode;
  std::string mode_change;
  std::vector<std::string> exclude;
  bool link = false;
};

bool is_remote(std::string_view text) {
  return kind_of_source(text) != SourceKind::path;
}

Result<> read_transfer_options(Scope& scope, const YamlNode& node, Transfer& result) {
  if (const YamlNode* owner = node.find("owner")) result.owner = TRY(read_owner(scope, *owner, "'owner'"));
  if (const YamlNode* mode = node.find("mode")) {
    const std::string text = TRY(read_text(scope, *mode, "'mode'"));
    if (is_mode_change(text)) {
      result.mode_change = text;
    } else {
      result.mode = TRY(read_mode(scope, *mode, "'mode'"));
    }
  }
  if (const YamlNode* exclude = node.find("exclude")) {
    result.exclude = TRY(read_text_or_list(scope, *exclude, "'exclude'"));
  }
  if (const YamlNode* link = node.find("link")) result.link = TRY(read_bool(scope, *link, "'link'"));
  if (const YamlNode* files = node.find("files")) result.files = TRY(read_files(scope, *files, "'files'"));
  return {};
}

Result<> read_source_nodes(const Scope& scope, const YamlNode& node, std::string_view what,
                           Transfer& result) {
  if (node.find("src") == nullptr && node.find("files") != nullptr) return {};
  const YamlNode* sources = TRY(require(scope, node, "src", what));
  if (sources->kind != YamlNode::Kind::sequence) {
    result.source_nodes.push_back(sources);
    return {};
  }
  if (sources->items.empty()) return scope.refuse(sources->span, "'src' is empty");
  for (const YamlNodePtr& item : sources->items) result.source_nodes.push_back(item.get());
  return {};
}

/// `[src..., dest]`, or a mapping with `src` and `dest`: what copy and add have in common.
Result<Transfer> read_transfer(Scope& scope, const YamlNode& node, std::string_view what) {
  Transfer result;
  const YamlNode* destination = nullptr;
  if (node.kind == YamlNode::Kind::sequence) {
    if (node.items.size() < 2) {
      return scope.refuse(node.span,
                          fmt::format("{} as a list is [source..., destination]: at least two", what));
    }
    for (std::size_t i = 0; i + 1 < node.items.size(); ++i)
      result.source_nodes.push_back(node.items[i].get());
    destination = node.items.back().get();
  } else {
    TRY(read_source_nodes(scope, node, what, result));
    destination = TRY(require(scope, node, "dest", what));
    TRY(read_transfer_options(scope, node, result));
  }
  for (const YamlNode* source : result.source_nodes) {
    const std::string text = TRY(read_word(scope, *source, "'src'"));
    result.sources.push_back(is_remote(text) ? text : TRY(read_tree_path(scope, *source, "'src'")));
  }
  result.destination = TRY(read_tree_path(scope, *destination, "'dest'"));
  if (result.sources.size() + result.files.size() > 1 && !result.destination.ends_with('/')) {
    return scope.refuse(destination->span, "several sources need a directory to go to",
                        fmt::format("end it with a slash: '{}/'", printable(result.destination, 80)));
  }
  return result;
}

Result<> check_transfer_form(const Scope& scope, const YamlNode& node, std::string_view what, Keys keys) {
  if (node.kind == YamlNode::Kind::sequence) return {};
  if (node.kind == YamlNode::Kind::mapping) return check_mapping(scope, node, what, keys);
  return scope.refuse(node.span, fmt::format("{} must be a mapping with 'src' and 'dest', or a list", what),
                      "as in {src: app.py, dest: /app/}");
}

template <class Step>
void take(Transfer transfer, Step& step) {
  step.sources = std::move(transfer.sources);
  step.files = std::move(transfer.files);
  step.destination = std::move(transfer.destination);
  step.owner = std::move(transfer.owner);
  step.mode = transfer.mode;
  step.mode_change = std::move(transfer.mode_change);
  step.exclude = std::move(transfer.exclude);
  step.link = transfer.link;
}

Result<CopyStep> read_copy(StageScope& stage, const YamlNode& node) {
  Scope& scope = stage.scope;
  TRY(check_transfer_form(scope, node, "'copy'", k_copy_keys));
  CopyStep step;
  if (const YamlNode* from = node.find("from")) step.from = TRY(read_file_source(stage, *from, "'from'"));
  Transfer transfer = TRY(read_transfer(scope, node, "'copy'"));
  for (std::size_t i = 0; i < transfer.sources.size(); ++i) {
    if (is_remote(transfer.sources[i])) {
      return scope.refuse(transfer.source_nodes[i]->span, "'copy' takes no URLs",
                          "use 'add', with a 'checksum'");
    }
  }
  if (const YamlNode* parents = node.find("parents")) {
    step.parents = TRY(read_bool(scope, *parents, "'parents'"));
  }
  take(std::move(transfer), step);
  return step;
}

/// "sha256:..." of a file, the commit of a repository, or `none`: what is there is taken, and asked for again
/// by every build.
Result<std::string> read_checksum(Scope& scope, const YamlNode& node, const Transfer& transfer) {
  const std::string text = TRY(read_word(scope, node, "'checksum'"));
  if (text == "none") return std::string();
  if (transfer.sources.size() == 1 && kind_of_source(transfer.sources[0]) == SourceKind::git) {
    const bool is_commit = (text.size() == 40 || text.size() == 64) &&
                           text.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (is_commit) return text;
    return scope.refuse(node.span,
                        "'checksum' of a repository must be a commit: 40 hex digits in lower case");
  }
  return "sha256:" + TRY(read_sha256(scope, node, "'checksum'"));
}

Result<AddStep> read_add(Scope& scope, const YamlNode& node) {
  TRY(check_transfer_form(scope, node, "'add'", k_add_keys));
  Transfer transfer = TRY(read_transfer(scope, node, "'add'"));
  AddStep step;
  const YamlNode* checksum = node.find("checksum");
  if (checksum != nullptr) {
    step.checksum = TRY(read_checksum(scope, *checksum, transfer));
    if (!step.checksum.empty() && transfer.sources.size() > 1) {
      return scope.refuse(checksum->span, "a 'checksum' is of one file, and there are several in 'src'",
                          "make one 'add' step for each");
    }
  }
  for (std::size_t i = 0; i < transfer.sources.size(); ++i) {
    const Span span = transfer.source_nodes[i]->span;
    if (is_remote(transfer.sources[i])) {
      if (checksum != nullptr) continue;
      return scope.refuse(span, "'add' from a URL needs a 'checksum'",
                          "as in {src: https://..., dest: /opt/, checksum: 'sha256:...'}; 'none' takes what "
                          "is there");
    }
    if (const std::string_view scheme = url_scheme(transfer.sources[i]); !scheme.empty()) {
      return scope.refuse(
          span, fmt::format("'add' takes URLs of http, https and git, not '{}'", printable(scheme, 40)));
    }
  }
  if (const YamlNode* keep = node.find("keep_git_dir")) {
    step.keep_git_directory = TRY(read_bool(scope, *keep, "'keep_git_dir'"));
  }
  if (const YamlNode* unpack = node.find("unpack")) step.unpack = TRY(read_bool(scope, *unpack, "'unpack'"));
  take(std::move(transfer), step);
  return step;
}

Result<WriteStep> read_write(Scope& scope, const YamlNode& node) {
  TRY(check_mapping(scope, node, "'write'", k_write_keys));
  WriteStep step;
  const YamlNode* destination = TRY(require(scope, node, "dest", "'write'"));
  step.destination = TRY(read_tree_path(scope, *destination, "'dest'"));
  if (step.destination.ends_with('/')) {
    return scope.refuse(destination->span, "'dest' of 'write' is the file itself, not a directory");
  }
  bool expand_content = false;
  if (const YamlNode* flag = node.find("expand")) expand_content = TRY(read_bool(scope, *flag, "'expand'"));
  const YamlNode* content = TRY(require(scope, node, "content", "'write'"));
  step.content = expand_content ? TRY(read_text(scope, *content, "'content'"))
                                : TRY(read_literal(scope, *content, "'content'"));
  if (const YamlNode* owner = node.find("owner")) step.owner = TRY(read_owner(scope, *owner, "'owner'"));
  if (const YamlNode* mode = node.find("mode")) step.mode = TRY(read_mode(scope, *mode, "'mode'"));
  return step;
}

// ---- one step --------------------------------------------------------------------------------------------

/// The step's one key, or what is wrong with it.
Result<const YamlMember*> only_member(const Scope& scope, const YamlNode& node) {
  if (node.kind != YamlNode::Kind::mapping || node.members.empty()) {
    return scope.refuse(node.span, "a step must be a mapping, as in '- run: make'", k_step_hint);
  }
  const auto is_step = [](const YamlMember& member) {
    return std::find(std::begin(k_step_keys), std::end(k_step_keys), member.key) != std::end(k_step_keys);
  };
  const YamlMember& first = node.members[0];
  for (const YamlMember& member : node.members) {
    if (is_step(member) && (&member == &first || !is_step(first))) continue;
    if (is_step(member)) {
      return scope.refuse(
          member.key_span,
          fmt::format("a step does one thing: '{}' stands beside '{}'", member.key, first.key),
          "begin each step with its own '- '; what belongs to a step is indented below it");
    }
    if (&member != &first) {
      return scope.refuse(
          member.key_span,
          fmt::format("'{}' cannot stand beside '{}'", printable(member.key, 80), printable(first.key, 80)),
          first.key == "run" ? fmt::format("write run: {{command: ..., {}: ...}}", printable(member.key, 80))
                             : "what belongs to a step is indented below its key");
    }
    return scope.refuse(
        member.key_span,
        fmt::format("unknown step '{}'{}", printable(member.key, 80), suggest_key(member.key, k_step_keys)),
        k_step_hint);
  }
  return &first;
}

Result<StepKind> read_kind(StageScope& stage, const std::string& key, const YamlNode& value) {
  Scope& scope = stage.scope;
  if (key == "run") return StepKind(TRY(read_run(stage, value)));
  if (key == "copy") return StepKind(TRY(read_copy(stage, value)));
  if (key == "add") return StepKind(TRY(read_add(scope, value)));
  if (key == "write") return StepKind(TRY(read_write(scope, value)));
  return read_setting(stage, key, value, PathRule::relative);
}

}  // namespace

Result<Step> read_step(StageScope& stage, const YamlNode& node) {
  const YamlMember* member = TRY(only_member(stage.scope, node));
  StepKind kind = TRY(read_kind(stage, member->key, *member->value));
  return make_step(stage, *member, std::move(kind));
}

}  // namespace ecrin::recipes

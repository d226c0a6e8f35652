// RUN: its command, its here-documents, its mounts.
#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/lower_parts.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr std::string_view k_keys[] = {
    "type", "from",     "source", "src", "target",  "dst",  "destination", "readonly", "ro", "readwrite",
    "rw",   "required", "size",   "id",  "sharing", "mode", "uid",         "gid",      "env"};
constexpr std::string_view k_types[] = {"bind", "cache", "tmpfs", "secret", "ssh"};

/// Without doubled slashes, "." and a slash at the end: one cache has one name.
std::string plain_path(std::string_view path) {
  std::vector<std::string> names;
  for (std::string& name : split(path, '/')) {
    if (!name.empty() && name != ".") names.push_back(std::move(name));
  }
  return (path.starts_with('/') ? "/" : "") + join(names, "/");
}

/// The options of one mount as they are read; which of them were said decides much.
struct MountReader {
  StageScope& scope;
  const MountFlag& flag;
  Mount mount = {};
  std::optional<bool> read_only = {};
  bool has_source = false;
  bool has_sharing = false;
  bool has_ownership = false;
  bool has_environment = false;

  std::unexpected<Error> refuse(std::string_view message, std::string_view hint = "") const {
    return scope.refuse(flag.span, message, hint);
  }
  std::string_view type_name() const { return k_types[static_cast<int>(mount.type)]; }
  Result<> read_type(const std::string& value);
  Result<> read_switch(std::string_view key, const std::optional<std::string>& value, bool& out) const;
  Result<std::uint32_t> read_number(std::string_view key, const std::string& value, int base) const;
  Result<> read_option(const std::string& key, const std::optional<std::string>& value);
  Result<> read_value(const std::string& key, const std::string& value);
  Result<> finish();
  Result<> finish_secret();
};

Result<> MountReader::read_type(const std::string& value) {
  const auto* found = std::ranges::find(k_types, to_lower(value));
  if (found == std::end(k_types)) {
    return refuse(
        fmt::format("no mount has the type '{}'{}", printable(value, 40), did_you_mean(value, k_types)),
        "there are bind, cache, tmpfs, secret and ssh");
  }
  mount.type = static_cast<Mount::Type>(found - std::begin(k_types));
  return {};
}

Result<> MountReader::read_switch(std::string_view key, const std::optional<std::string>& value,
                                  bool& out) const {
  static constexpr std::string_view k_true[] = {"1", "t", "T", "true", "TRUE", "True"};
  static constexpr std::string_view k_false[] = {"0", "f", "F", "false", "FALSE", "False"};
  out = !value || std::ranges::find(k_true, *value) != std::end(k_true);
  if (out || std::ranges::find(k_false, *value) != std::end(k_false)) return {};
  return refuse(fmt::format("'{}' of a mount is true or false, not '{}'", key, printable(*value, 40)));
}

Result<std::uint32_t> MountReader::read_number(std::string_view key, const std::string& value,
                                               int base) const {
  const std::string_view digits = base == 8 ? "01234567" : "0123456789";
  const bool good =
      !value.empty() && value.size() <= 11 && value.find_first_not_of(digits) == std::string::npos;
  std::uint64_t number = 0;
  for (const char c : good ? value : std::string()) {
    number = number * static_cast<std::uint64_t>(base) + static_cast<std::uint64_t>(c - '0');
  }
  if (good && number <= (base == 8 ? 07777u : UINT32_MAX - 1)) return static_cast<std::uint32_t>(number);
  return refuse(fmt::format("'{}' of a mount is {}, not '{}'", key,
                            base == 8 ? "an octal mode like 0755" : "a number", printable(value, 40)));
}

Result<> MountReader::read_value(const std::string& key, const std::string& value) {
  if (key == "from") {
    if (value.empty()) return {};
    const FileSource found = TRY(find_file_source(scope.all, scope.index, *scope.source, value, flag.span));
    mount.from = found.name;
  } else if (key == "source" || key == "src") {
    mount.source = value;
    has_source = !value.empty();
  } else if (key == "target" || key == "dst" || key == "destination") {
    mount.target = value;
  } else if (key == "size") {
    const auto size = parse_size(value);
    if (!size) return refuse(fmt::format("'size' of a mount is like 64m, not '{}'", printable(value, 40)));
    mount.size = *size;
  } else if (key == "id") {
    mount.id = value;
  } else if (key == "sharing") {
    static constexpr std::string_view k_sharings[] = {"shared", "private", "locked"};
    const auto* found = std::ranges::find(k_sharings, to_lower(value));
    if (found == std::end(k_sharings))
      return refuse(fmt::format("'sharing' is shared, private or locked, not '{}'", printable(value, 40)));
    mount.sharing = static_cast<Mount::Sharing>(found - std::begin(k_sharings));
    has_sharing = true;
  } else if (key == "mode") {
    mount.mode = TRY(read_number(key, value, 8));
    has_ownership = true;
  } else if (key == "uid" || key == "gid") {
    (key == "uid" ? mount.uid : mount.gid) = TRY(read_number(key, value, 10));
    has_ownership = true;
  } else if (key == "env") {
    mount.environment = value;
    has_environment = true;
  }
  return {};
}

Result<> MountReader::read_option(const std::string& key, const std::optional<std::string>& value) {
  if (key == "type") return {};  // known already
  if (std::ranges::find(k_keys, key) == std::end(k_keys)) {
    return refuse(fmt::format("a mount has no '{}'{}", printable(key, 40), did_you_mean(key, k_keys)));
  }
  std::optional<std::string> expanded = value;
  // Of `from` it was decided before which stages are needed.
  if (value && key != "from") expanded = TRY(scope.expand(Word{.text = *value, .span = flag.span}));
  const bool is_flag = key == "readonly" || key == "ro" || key == "readwrite" || key == "rw";
  if (is_flag) {
    bool said = false;
    TRY(read_switch(key, expanded, said));
    read_only = said == (key == "readonly" || key == "ro");
    return {};
  }
  if (key == "required") {
    if (mount.type != Mount::Type::secret && mount.type != Mount::Type::ssh)
      return refuse(fmt::format("a {} mount has no 'required'", type_name()));
    return read_switch(key, expanded, mount.required);
  }
  if (!expanded) return refuse(fmt::format("'{}' of a mount needs a value", key));
  if (key == "size" && mount.type != Mount::Type::tmpfs)
    return refuse(fmt::format("a {} mount has no 'size'", type_name()));
  return read_value(key, *expanded);
}

Result<> MountReader::finish_secret() {
  if (!mount.from.empty()) return refuse("a secret mount has no 'from'");
  if (has_source && !mount.id.empty()) return refuse("a secret mount has an 'id' or a 'source', not both");
  if (has_source) mount.id = std::move(mount.source);
  mount.source.clear();
  const auto last_name = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  if (mount.id.empty()) mount.id = last_name(mount.target);
  if (mount.id.empty()) return refuse("a secret mount needs an 'id' or a 'target'");
  if (has_environment && mount.environment.empty()) mount.environment = mount.id;
  if (mount.target.empty() && mount.environment.empty()) mount.target = "/run/secrets/" + last_name(mount.id);
  return {};
}

Result<> MountReader::finish() {
  using Type = Mount::Type;
  const Type type = mount.type;
  if (has_sharing && type != Type::cache)
    return refuse(fmt::format("a {} mount has no 'sharing'", type_name()));
  if (has_ownership && (type == Type::bind || type == Type::tmpfs))
    return refuse(fmt::format("a {} mount has no 'mode', 'uid' or 'gid'", type_name()));
  if (has_environment && type != Type::secret)
    return refuse(fmt::format("a {} mount has no 'env'", type_name()));
  mount.read_only = read_only.value_or(type != Type::cache && type != Type::tmpfs);
  if (type == Type::secret) return finish_secret();
  if (type == Type::ssh) {
    if (has_source) return refuse("an ssh mount has no 'source'");
    if (mount.id.empty()) mount.id = "default";
    return {};
  }
  // The work directory, where nothing says more.
  if (mount.target.empty()) mount.target = ".";
  if (mount.target.find_first_not_of('/') == std::string::npos)
    return refuse("a mount cannot take the place of the root directory");
  if (type == Type::cache && mount.id.empty()) mount.id = plain_path(mount.target);
  if (type == Type::cache && mount.from == "scratch") mount.from.clear();
  if (type == Type::bind && mount.source.empty()) mount.source = "/";
  return {};
}

Result<Mount> lower_mount(StageScope& scope, const MountFlag& flag) {
  MountReader reader{.scope = scope, .flag = flag};
  // The type first: what the others mean depends on it.
  for (const auto& [key, value] : flag.options) {
    if (key != "type") continue;
    if (!value) return scope.refuse(flag.span, "'type' of a mount needs a value");
    TRY(reader.read_type(TRY(scope.expand(Word{.text = *value, .span = flag.span}))));
  }
  for (const auto& [key, value] : flag.options) TRY(reader.read_option(key, value));
  TRY(reader.finish());
  return std::move(reader.mount);
}

/// A script that is one here-document and nothing else is that document; else the shell gets the text as it
/// stands, documents included.
Result<> lower_script(const StageScope& scope, const Instruction& instruction, const RunInstruction& run,
                      RunStep& step) {
  const Command& command = run.command;
  if (command.exec_form) {
    if (command.arguments.empty()) return scope.refuse(command.span, "RUN has nothing to run");
    step.command = command.arguments;
    return {};
  }
  const std::vector<Heredoc>& documents = instruction.heredocs;
  if (run.runs_heredoc && documents[0].content.starts_with("#!")) {
    step.command = InlineFile{documents[0].name, documents[0].content};
    return {};
  }
  if (run.runs_heredoc) {
    step.command = documents[0].content;
    return {};
  }
  std::string script = command.script;
  if (trim(script).empty()) return scope.refuse(instruction.span, "RUN has nothing to run");
  for (const Heredoc& document : documents) {
    // Its tabs are gone, so "<<-" ends it at the same line.
    script += "\n" + document.content + document.name;
  }
  if (!documents.empty()) script += "\n";
  step.command = std::move(script);
  return {};
}

}  // namespace

Result<StepKind> lower_run(StageScope& scope, const Instruction& instruction, const RunInstruction& run) {
  RunStep step;
  TRY(lower_script(scope, instruction, run, step));
  for (const MountFlag& flag : run.mounts) step.mounts.push_back(TRY(lower_mount(scope, flag)));
  if (run.network == "none") {
    step.network = StepNetwork::none;
  } else if (run.network == "host") {
    step.network = StepNetwork::host;
  } else if (!run.network.empty() && run.network != "default") {
    return scope.refuse(instruction.span, fmt::format("--network is default, none or host, not '{}'",
                                                      printable(run.network, 40)));
  }
  if (run.security == "insecure") {
    return containerfile::refuse(
        *scope.source, instruction.span,
        "--security=insecure is not possible: a step has the rights of an ordinary user",
        "leave it out; inside its user namespace a step is root already", ErrorKind::unsupported);
  }
  if (!run.security.empty() && run.security != "sandbox") {
    return scope.refuse(instruction.span, fmt::format("--security is sandbox or insecure, not '{}'",
                                                      printable(run.security, 40)));
  }
  // All declared arguments are variables of the program; ENV of the same name wins.
  std::size_t size = 0;
  for (const auto& [name, value] : scope.text.args) {
    if (scope.text.env.contains(name)) continue;
    size += name.size() + value.size();
    step.env.emplace_back(name, value);
  }
  TRY(spend_text(scope.all.budget, size));
  return StepKind(std::move(step));
}

}  // namespace ecrin::recipes::containerfile

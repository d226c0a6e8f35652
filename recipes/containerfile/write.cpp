#include "recipes/containerfile/write.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "recipes/step_text.hpp"
#include "recipes/symbols.hpp"

namespace ecrin::recipes::containerfile {
namespace {

std::unexpected<Error> refuse(std::string_view what, std::string_view why, std::string_view hint = "") {
  Error error(ErrorKind::unsupported, fmt::format("{}: {}", printable(what, 120), why));
  if (hint.empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).hint(std::string(hint)));
}

// ---- words -----------------------------------------------------------------------------------------------

std::string escaped(std::string_view text, std::string_view characters) {
  std::string result;
  for (const char c : text) {
    if (characters.contains(c)) result += '\\';
    result += c;
  }
  return result;
}

bool is_bare(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_./:@+=,%~*?[]^-").contains(c) || static_cast<unsigned char>(c) >= 0x80;
  });
}

/// A value with quotes where it needs them; arguments are named.
std::string word(std::string_view text) {
  std::string bare;
  std::string quoted;
  bool needs_quotes = text.empty();
  for (const SymbolPiece& piece : cut_at_symbols(text)) {
    if (piece.is_argument) {
      bare += "${" + piece.text + "}";
      quoted += "${" + piece.text + "}";
      continue;
    }
    needs_quotes = needs_quotes || !is_bare(piece.text);
    bare += piece.text;
    quoted += escaped(piece.text, "\"\\$");
  }
  return needs_quotes ? '"' + quoted + '"' : bare;
}

/// For places that take the rest of the line: no quotes are needed for blanks.
std::string line(std::string_view text) {
  std::string result;
  for (const SymbolPiece& piece : cut_at_symbols(text)) {
    result += piece.is_argument ? "${" + piece.text + "}" : escaped(piece.text, "\"'\\$");
  }
  return result;
}

std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string json_list(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) parts.push_back(json_string(text));
  return "[" + join(parts, ", ") + "]";
}

std::string pairs(const std::vector<KeyValue>& values) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : values) parts.push_back(word(name) + "=" + word(value));
  return join(parts, " ");
}

std::vector<KeyValue> default_path() {
  return {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
}

// ---- run -------------------------------------------------------------------------------------------------

std::string mount_flag(const Mount& mount) {
  using Type = Mount::Type;
  static constexpr const char* k_types[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
  std::vector<std::string> fields = {fmt::format("type={}", k_types[static_cast<int>(mount.type)])};
  const auto add = [&](std::string_view key, std::string_view value) {
    std::string field = fmt::format("{}={}", key, line(value));
    if (field.find_first_of(",\"") != std::string::npos) {
      std::string doubled;
      for (const char c : field) doubled += c == '"' ? "\"\"" : std::string(1, c);
      field = '"' + doubled + '"';
    }
    fields.push_back(std::move(field));
  };
  const bool is_secret = mount.type == Type::secret;
  if ((is_secret || mount.type == Type::ssh || (mount.type == Type::cache && mount.id != mount.target)) &&
      !mount.id.empty()) {
    add("id", mount.id);
  }
  if (!mount.environment.empty()) add("env", mount.environment);
  if (!mount.target.empty() && !(is_secret && mount.target == "/run/secrets/" + mount.id))
    add("target", mount.target);
  if (!mount.from.empty()) add("from", mount.from);
  if (!mount.source.empty() && !(mount.type == Type::bind && mount.source == "/"))
    add("source", mount.source);
  if (mount.type == Type::bind && !mount.read_only) fields.push_back("rw");
  if (mount.type == Type::cache && mount.read_only) fields.push_back("ro");
  if (mount.sharing != Mount::Sharing::shared) {
    add("sharing", mount.sharing == Mount::Sharing::locked ? "locked" : "private");
  }
  if (mount.required) fields.push_back("required=true");
  if (mount.size != 0) add("size", std::to_string(mount.size));
  if (mount.mode != 0) add("mode", fmt::format("0{:o}", mount.mode));
  if (mount.uid != 0) add("uid", std::to_string(mount.uid));
  if (mount.gid != 0) add("gid", std::to_string(mount.gid));
  return " --mount=" + join(fields, ",");
}

/// A script that the shell form brings to the shell as it is.
bool fits_shell_form(std::string_view script) {
  return !script.contains('\n') && !script.contains("<<") && !script.starts_with("--") &&
         !script.ends_with('\\') && !(script.starts_with('[') && script.ends_with(']')) &&
         trim(script) == script && !script.empty();
}
/// One with here-documents of its own: the instruction has the same, if nothing stands below them.
bool has_heredocs(std::string_view script) {
  return script.contains("<<") && script.ends_with('\n') && !script.starts_with("--") &&
         !script.starts_with("<<");
}
/// One that a here-document does: lines, the last one too.
bool fits_heredoc(std::string_view script) {
  return script.ends_with('\n') && !script.contains('\r') && !script.starts_with("#!") &&
         !script.contains("\nEOF\n") && !script.starts_with("EOF\n");
}

class StageWriter {
public:
  StageWriter(const Stage& stage, std::optional<std::vector<std::string>> image_shell)
      : m_stage(stage), m_own_shell(stage.shell), m_image_shell(std::move(image_shell)) {}

  Result<std::string> write() {
    for (const Step& step : m_stage.steps) {
      m_what = step.text;
      // In a Containerfile an image without a PATH gets this one unasked.
      const auto* env = std::get_if<EnvStep>(&step.kind);
      const bool is_first =
          &step == m_stage.steps.data() && std::holds_alternative<FromScratch>(m_stage.from);
      if (is_first && env != nullptr && env->variables == default_path()) continue;
      TRY(std::visit(*this, step.kind));
    }
    return std::move(m_text);
  }
  /// That of the image after the last step; none: the base's.
  const std::optional<std::vector<std::string>>& image_shell() const { return m_image_shell; }

  Result<> operator()(const RunStep& run);
  Result<> operator()(const CopyStep& step) {
    const std::string flags =
        (step.from.empty() ? "" : " --from=" + step.from) + (step.parents ? " --parents" : "");
    return transfer("COPY", flags, step);
  }
  Result<> operator()(const AddStep& step) {
    std::string flags = step.checksum.empty() ? "" : " --checksum=" + word(step.checksum);
    if (step.keep_git_directory) flags += " --keep-git-dir";
    if (step.unpack) flags += *step.unpack ? " --unpack" : " --unpack=false";
    return transfer("ADD", flags, step);
  }
  Result<> operator()(const WriteStep& step) {
    CopyStep copy;
    const std::size_t slash = step.destination.rfind('/');
    copy.files = {{step.destination.substr(slash == std::string::npos ? 0 : slash + 1), step.content}};
    copy.destination = step.destination;
    copy.owner = step.owner;
    if (step.mode != WriteStep{}.mode) copy.mode = step.mode;
    return (*this)(copy);
  }
  Result<> operator()(const EnvStep& step) { return add("ENV " + pairs(step.variables)); }
  Result<> operator()(const LabelStep& step) { return add("LABEL " + pairs(step.labels)); }
  Result<> operator()(const WorkdirStep& step) { return add("WORKDIR " + line(step.path)); }
  Result<> operator()(const UserStep& step) { return add("USER " + line(step.user)); }
  Result<> operator()(const CmdStep& step) { return add("CMD " + json_list(step.arguments)); }
  Result<> operator()(const EntrypointStep& step) { return add("ENTRYPOINT " + json_list(step.arguments)); }
  Result<> operator()(const ExposeStep& step) { return add("EXPOSE " + join(step.ports, " ")); }
  Result<> operator()(const VolumeStep& step) { return add("VOLUME " + json_list(step.paths)); }
  Result<> operator()(const StopSignalStep& step) { return add("STOPSIGNAL " + line(step.signal)); }
  Result<> operator()(const OnBuildStep& step) { return add("ONBUILD " + step.trigger); }
  Result<> operator()(const AuthorStep& step) { return add("MAINTAINER " + step.author); }
  Result<> operator()(const ShellStep& step) {
    m_own_shell = step.shell;
    m_image_shell = step.shell;
    return add("SHELL " + json_list(step.shell));
  }
  Result<> operator()(const HealthcheckStep& step) {
    const oci::Healthcheck& check = step.healthcheck;
    if (check.test == std::vector<std::string>{"NONE"}) return add("HEALTHCHECK NONE");
    std::string text = "HEALTHCHECK";
    const auto option = [&](const char* name, std::int64_t nanoseconds) {
      if (nanoseconds != 0) text += fmt::format(" --{}={}", name, duration_text(nanoseconds));
    };
    option("interval", check.interval);
    option("timeout", check.timeout);
    option("start-period", check.start_period);
    option("start-interval", check.start_interval);
    if (check.retries != 0) text += fmt::format(" --retries={}", check.retries);
    if (check.test[0] == "CMD-SHELL") {
      if (!fits_shell_form(check.test[1]))
        return refuse(m_what, "a Containerfile has its script on one line");
      return add(text + " CMD " + check.test[1]);
    }
    return add(text + " CMD " + json_list({check.test.begin() + 1, check.test.end()}));
  }

private:
  Result<> add(std::string_view text) {
    if (text.contains('\n')) return refuse(m_what, "a Containerfile has this on one line");
    m_text += text;
    m_text += '\n';
    return {};
  }

  template <class Step>
  Result<> transfer(std::string_view name, std::string flags, const Step& step) {
    if (!step.owner.empty()) flags += " --chown=" + word(step.owner);
    if (step.mode) flags += fmt::format(" --chmod=0{:03o}", *step.mode);
    if (!step.mode_change.empty()) flags += " --chmod=" + word(step.mode_change);
    for (const std::string& pattern : step.exclude) flags += " --exclude=" + pattern;
    if (step.link) flags += " --link";
    std::vector<std::string> words = step.sources;
    words.push_back(step.destination);
    const bool bare = std::all_of(words.begin(), words.end(), [](const std::string& text) {
      const std::string written = word(text);
      return !written.starts_with('"') && !written.starts_with("--") && !written.starts_with("[");
    });
    if (step.files.empty()) {
      std::vector<std::string> parts;
      for (const std::string& text : words) parts.push_back(bare ? word(text) : json_string(line(text)));
      return add(
          fmt::format("{}{} {}", name, flags, bare ? join(parts, " ") : "[" + join(parts, ", ") + "]"));
    }
    if (!bare) return refuse(m_what, "a Containerfile has no here-documents beside names with blanks");
    std::vector<std::string> parts;
    for (const std::string& text : step.sources) parts.push_back(word(text));
    std::string documents;
    for (const InlineFile& file : step.files) {
      const bool good_name = is_bare(file.name) && !file.name.contains('/');
      if (!good_name) return refuse(m_what, "the file's name cannot be that of a here-document");
      if (!file.content.empty() && !file.content.ends_with('\n')) {
        return refuse(m_what, "in a Containerfile a file ends with a line end",
                      "end the content with a line end, or copy the file from the context");
      }
      parts.push_back("<<\"" + file.name + '"');
      documents += file.content + file.name + "\n";
    }
    m_text += fmt::format("{}{} {} {}\n{}", name, flags, join(parts, " "), word(step.destination), documents);
    return {};
  }

  const Stage& m_stage;
  std::vector<std::string> m_own_shell;  // that runs scripts; empty: the image's
  std::optional<std::vector<std::string>> m_image_shell;
  std::string m_what;
  std::string m_text;
};

Result<> StageWriter::operator()(const RunStep& run) {
  if (!run.user.empty()) {
    return refuse(m_what, "a Containerfile has no user of one step", "write 'user' steps around it");
  }
  std::string head = "RUN";
  for (const Mount& mount : run.mounts) head += mount_flag(mount);
  if (run.network == StepNetwork::none) head += " --network=none";
  if (run.network == StepNetwork::host) head += " --network=host";
  if (run.network == StepNetwork::private_network) {
    return refuse(m_what, "a Containerfile cannot ask for a private network",
                  "it is what steps have that do not say");
  }
  if (const auto* file = std::get_if<InlineFile>(&run.command)) {
    if (!is_bare(file->name) || !file->content.ends_with('\n') ||
        file->content.contains("\n" + file->name + "\n")) {
      return refuse(m_what, "the file cannot be a here-document");
    }
    m_text += fmt::format("{} <<\"{}\"\n{}{}\n", head, file->name, file->content, file->name);
    return {};
  }
  if (const auto* words = std::get_if<std::vector<std::string>>(&run.command)) {
    return add(head + " " + json_list(*words));
  }
  const std::string& script = std::get<std::string>(run.command);
  const bool is_image_shell = m_own_shell.empty() || (m_image_shell && m_own_shell == *m_image_shell);
  if (is_image_shell && fits_shell_form(script)) return add(head + " " + script);
  if (is_image_shell && has_heredocs(script)) {
    m_text += head + " " + script;
    return {};
  }
  if (is_image_shell && fits_heredoc(script)) {
    m_text += fmt::format("{} <<EOF\n{}EOF\n", head, script);
    return {};
  }
  if (m_own_shell.empty()) return refuse(m_what, "the script fits no form of RUN");
  std::vector<std::string> words = m_own_shell;
  words.push_back(script);
  return add(head + " " + json_list(words));
}

Result<std::string> base_of(const Stage& stage) {
  if (std::holds_alternative<FromScratch>(stage.from)) return "scratch";
  if (const auto* from = std::get_if<FromStage>(&stage.from)) return from->name;
  if (const auto* image = std::get_if<FromImage>(&stage.from)) return word(image->reference);
  return refuse(fmt::format("the base of stage '{}'", stage.name),
                "a Containerfile begins with an image, a stage or scratch",
                "build an image of it first, and name that");
}

/// Known without a value in the file, but a stage has to ask for them.
constexpr std::string_view k_platform_arguments[] = {"TARGETPLATFORM", "TARGETOS",      "TARGETARCH",
                                                     "TARGETVARIANT",  "BUILDPLATFORM", "BUILDOS",
                                                     "BUILDARCH",      "BUILDVARIANT"};

/// The arguments that the stage's instructions name.
std::vector<std::string> used_arguments(const std::string& text, const std::vector<Argument>& args,
                                        const Stage& stage) {
  std::set<std::string> in_runs;
  for (const Step& step : stage.steps) {
    const auto* run = std::get_if<RunStep>(&step.kind);
    if (run == nullptr) continue;
    for (const auto& [name, value] : run->env) in_runs.insert(name);
  }
  std::vector<std::string> names;
  for (const Argument& arg : args) {
    if (in_runs.contains(arg.name) || text.contains("${" + arg.name + "}")) names.push_back(arg.name);
  }
  for (const std::string_view name : k_platform_arguments) {
    if (text.contains(fmt::format("${{{}}}", name))) names.emplace_back(name);
  }
  return names;
}

}  // namespace

Result<Written> write_containerfile(const Recipe& recipe) {
  Written written;
  for (const Argument& arg : recipe.args)
    written.text += fmt::format("ARG {}={}\n", arg.name, word(arg.value));
  if (!recipe.args.empty()) written.text += '\n';
  std::map<std::string, std::optional<std::vector<std::string>>> shells;
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    const Stage& stage = recipe.stages[i];
    std::optional<std::vector<std::string>> image_shell;
    if (std::holds_alternative<FromScratch>(stage.from)) image_shell = {"/bin/sh", "-c"};
    if (const auto* from = std::get_if<FromStage>(&stage.from)) image_shell = shells[from->name];
    StageWriter writer(stage, std::move(image_shell));
    const std::string steps = TRY(writer.write());
    shells[stage.name] = writer.image_shell();
    if (i > 0) written.text += '\n';
    written.text += "FROM ";
    if (stage.platform) written.text += "--platform=" + stage.platform->to_string() + " ";
    written.text += TRY(base_of(stage));
    if (recipe.stages.size() > 1) written.text += " AS " + stage.name;
    written.text += '\n';
    for (const std::string& name : used_arguments(steps, recipe.args, stage))
      written.text += "ARG " + name + "\n";
    // Variables of one step only: as arguments from here on.
    std::set<std::string> told;
    for (const Step& step : stage.steps) {
      const auto* run = std::get_if<RunStep>(&step.kind);
      if (run == nullptr) continue;
      for (const auto& [name, value] : run->env) {
        if (std::ranges::find(recipe.args, name, &Argument::name) != recipe.args.end()) continue;
        if (told.insert(name).second) written.text += fmt::format("ARG {}={}\n", name, word(value));
      }
    }
    written.text += steps;
    if (!stage.annotations.empty()) {
      return refuse(fmt::format("the annotations of stage '{}'", stage.name), "a Containerfile has none",
                    "take them out of the recipe, and give them with 'ecrin build --annotation'");
    }
  }
  if (!recipe.name.empty())
    written.notes.push_back("the name is not in a Containerfile: build with -t " + recipe.name);
  if (recipe.epoch) {
    written.notes.push_back(
        fmt::format("the epoch is not in a Containerfile: build with --timestamp {}", *recipe.epoch));
  }
  return written;
}

}  // namespace ecrin::recipes::containerfile

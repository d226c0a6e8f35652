#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/runtime/log_file.hpp"
#include "cli/runtime/runtime.hpp"
#include "cli/table.hpp"
#include "fs/id_map.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::cli {
namespace {

// As a verb of its own, so that the flags before the runtime's verbs are parsed and explained like all
// others.
const Verb& runtime_words_before() {
  static const Verb verb{
      .name = "runtime",
      .operands = "VERB ...",
      .summary = "Runs containers out of OCI bundles, for other engines",
      .flags = runtime_flags(),
      .order = Order::flags_first,
  };
  return verb;
}

std::string runtime_help() {
  std::string text = help_text(runtime_words_before());
  text += "\nVerbs:\n";
  for (const RuntimeVerb* verb : runtime_verbs())
    text += fmt::format("  {:<9} {}\n", verb->words.name.substr(verb->words.name.find(' ') + 1),
                        verb->words.summary);
  return text;
}

// Engines read the first line and the one that begins with "spec:".
std::string version_text() {
  return fmt::format("ecrin-runtime version {}\nspec: {}\n", program_version(), oci::RuntimeConfig{}.version);
}

CgroupManager cgroup_manager(const Arguments& global) {
  const std::string name =
      global.value("cgroup-manager", global.on("systemd-cgroup") ? "systemd" : "cgroupfs");
  if (name == "systemd") return CgroupManager::systemd;
  if (name == "disabled") return CgroupManager::none;
  return CgroupManager::cgroupfs;
}

std::optional<bool> rootless(const Arguments& global) {
  const std::string when = global.value("rootless", "auto");
  if (when == "auto") return std::nullopt;
  return when == "true";
}

Result<std::string> runtime_root(const Arguments& global, const Environment& environment) {
  if (const auto root = global.find("root")) return absolute_path(*root);
  const fs::IdMap map = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/uid_map"))));
  unsigned outer_user = ::geteuid();
  for (const fs::IdRange& range : map)
    if (outer_user >= range.container_id && outer_user - range.container_id < range.size) {
      outer_user = range.host_id + (outer_user - range.container_id);
      break;
    }
  return default_runtime_root(::geteuid() == 0 && outer_user == 0, outer_user, environment);
}

const RuntimeVerb* find_runtime_verb(std::string_view name) {
  for (const RuntimeVerb* verb : runtime_verbs())
    if (verb->words.name.substr(verb->words.name.find(' ') + 1) == name) return verb;
  return nullptr;
}

Error unknown_verb(const std::string& word) {
  for (const char* other : {"checkpoint", "restore"})
    if (word == other)
      return Error(ErrorKind::unsupported, fmt::format("'{}' is not possible: ecrin cannot save the state of "
                                                       "running containers",
                                                       word));
  return Error(ErrorKind::invalid, fmt::format("unknown verb '{}'", printable(word, 100)))
      .hint(did_you_mean(word, runtime_words()));
}

struct Told {
  Told(Error cause) : error(std::move(cause)) {}  // NOLINT(google-explicit-constructor): TRY converts
  Told(Error cause, int exit_code) : error(std::move(cause)), code(exit_code) {}
  Error error;
  int code = 1;
};

std::expected<int, Told> run_words(std::span<const std::string> given, LogFile& log) {
  const std::vector<std::string> words = with_both_dashes(runtime_words_before(), given);
  const Arguments global = TRY(parse_arguments(runtime_words_before(), words));
  if (global.on("version")) {
    print(version_text());
    return 0;
  }
  if (global.help() || global.operands().empty() || global.operands().front() == "help") {
    print(runtime_help());
    return 0;
  }
  const LogFormat format = global.value("log-format") == "json" ? LogFormat::json : LogFormat::text;
  if (const auto path = global.find("log"); path && !path->empty()) log = TRY(LogFile::open(*path, format));
  const log::Level least = global.on("debug") ? log::Level::debug : log::Level::warning;
  log::set_handler(least, [&log](log::Level level, const std::string& message) {
    const std::string_view name = level == log::Level::warning ? "warning"
                                  : level == log::Level::debug ? "debug"
                                                               : "info";
    if (log) return log.write(name, message);
    const std::string line = log_line(LogFormat::text, name, message, ::time(nullptr));
    ::fwrite(line.data(), 1, line.size(), stderr);
  });

  const RuntimeVerb* verb = find_runtime_verb(global.operands().front());
  if (verb == nullptr) return std::unexpected(Told(unknown_verb(global.operands().front())));
  const std::vector<std::string> rest =
      with_both_dashes(verb->words, std::span(global.operands()).subspan(1));
  const Arguments arguments = TRY(parse_arguments(verb->words, rest));
  if (arguments.help()) {
    print(help_text(verb->words));
    return 0;
  }
  const Environment environment = process_environment();
  const RuntimeContext context{.root = TRY(runtime_root(global, environment)),
                               .cgroups = cgroup_manager(global),
                               .rootless = rootless(global),
                               .environment = environment};
  auto code = verb->run(context, arguments);
  if (!code) return std::unexpected(Told(std::move(code).error(), verb->error_code));
  return *code;
}

}  // namespace

std::vector<Flag> runtime_flags() {
  return {
      {.name = "root",
       .value = "DIR",
       .help = "where the states of containers are; default /run/ecrin-runtime, for users "
               "$XDG_RUNTIME_DIR/ecrin-runtime",
       .completion = Completion::directory},
      {.name = "log",
       .value = "FILE",
       .help = "errors also go to the end of this file",
       .completion = Completion::file},
      {.name = "log-format",
       .value = "FORMAT",
       .help = "how they are written there; default text",
       .completion = Completion::word,
       .words = {"text", "json"}},
      {.name = "debug", .value = "", .help = "also write what helps to find mistakes"},
      {.name = "systemd-cgroup", .value = "", .help = "the same as --cgroup-manager=systemd"},
      {.name = "cgroup-manager",
       .value = "MANAGER",
       .help = "who makes the cgroups; default cgroupfs",
       .completion = Completion::word,
       .words = {"cgroupfs", "systemd", "disabled"}},
      {.name = "rootless",
       .value = "WHEN",
       .help =
           "may a container without limits go without a cgroup? default auto: where cgroups cannot be made",
       .completion = Completion::word,
       .words = {"auto", "true", "false"}},
      {.name = "criu",
       .value = "FILE",
       .help = "accepted: there are no checkpoints",
       .completion = Completion::file},
      {.name = "version", .letter = 'v', .value = "", .help = "show the version"},
  };
}

std::vector<std::string> with_both_dashes(const Verb& verb, std::span<const std::string> words) {
  std::vector<std::string> result;
  const auto find = [&verb](std::string_view name) {
    const auto found = std::ranges::find(verb.flags, name, &Flag::name);
    return found == verb.flags.end() ? nullptr : &*found;
  };
  for (std::size_t next = 0; next < words.size(); ++next) {
    std::string word = words[next];
    const bool operand = word.size() < 2 || word[0] != '-';
    if (word == "--" || (operand && verb.order == Order::flags_first)) {
      result.insert(result.end(), words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
      break;
    }
    if (operand) {
      result.push_back(std::move(word));
      continue;
    }
    const Flag* flag = nullptr;
    if (word[1] == '-') {
      flag = find(std::string_view(word).substr(2));
    } else if (word.size() == 2) {
      const auto found = std::ranges::find(verb.flags, word[1], &Flag::letter);
      if (found != verb.flags.end()) flag = &*found;
    } else {
      const std::string_view name = std::string_view(word).substr(1);
      flag = find(name);
      if (flag != nullptr || find(name.substr(0, name.find('='))) != nullptr || name == "help")
        word.insert(0, 1, '-');
    }
    result.push_back(std::move(word));
    const bool takes_next = flag != nullptr && !flag->value.empty() && flag->alone.empty();
    if (takes_next && next + 1 < words.size()) result.push_back(words[++next]);
  }
  return result;
}

std::string default_runtime_root(bool is_host_root, unsigned outer_user, const Environment& environment) {
  if (is_host_root) return "/run/ecrin-runtime";
  const auto runtime_directory = environment("XDG_RUNTIME_DIR");
  if (runtime_directory && runtime_directory->starts_with('/')) return *runtime_directory + "/ecrin-runtime";
  return fmt::format("/tmp/ecrin-runtime-{}", outer_user);
}

int run_runtime(std::span<const std::string> words) {
  LogFile log;
  auto outcome = run_words(words, log);
  if (auto written = finish_output(); !written && outcome)
    outcome = std::unexpected(Told(std::move(written).error()));
  if (outcome) return *outcome;
  const std::string message = one_line(outcome.error().error);
  log.write("error", message);
  const std::string line = message + "\n";
  ::fwrite(line.data(), 1, line.size(), stderr);
  return outcome.error().code;
}

std::span<const RuntimeVerb* const> runtime_verbs() {
  static const auto all = std::to_array<const RuntimeVerb*>({
      &runtime_create_verb(),
      &runtime_start_verb(),
      &runtime_run_verb(),
      &runtime_exec_verb(),
      &runtime_state_verb(),
      &runtime_list_verb(),
      &runtime_ps_verb(),
      &runtime_kill_verb(),
      &runtime_delete_verb(),
      &runtime_pause_verb(),
      &runtime_resume_verb(),
      &runtime_update_verb(),
      &runtime_events_verb(),
      &runtime_spec_verb(),
      &runtime_features_verb(),
  });
  return all;
}

std::vector<std::string_view> runtime_words() {
  std::vector<std::string_view> words;
  for (const RuntimeVerb* verb : runtime_verbs())
    words.push_back(verb->words.name.substr(verb->words.name.find(' ') + 1));
  return words;
}

}  // namespace ecrin::cli

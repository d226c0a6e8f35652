// verbs: install, installed, uninstall
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/container_request.hpp"
#include "cli/entered_system.hpp"
#include "cli/first_error.hpp"
#include "cli/image_names.hpp"
#include "cli/installed_programs.hpp"
#include "cli/interrupt.hpp"
#include "cli/registries.hpp"
#include "cli/registry_options.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Result<std::string> bin_directory(const Arguments& arguments, const Environment& environment) {
  if (const auto given = arguments.find("bin-dir")) return absolute_path(*given);
  const std::string home = this_person(environment).home;
  if (home.empty())
    return std::unexpected(
        Error(ErrorKind::not_found, "no home directory is known").hint("give --bin-dir DIR"));
  return home + "/.local/bin";
}

// "registry.example/team/tool:1" is called "tool".
std::string name_of_image(const std::string& image) {
  std::string name = split_name(image).first;
  name = name.substr(name.rfind('/') + 1);
  return name.substr(0, name.find_first_of(":@"));
}

Result<oci::Image> find(Session& session, const Arguments& arguments, const std::string& image) {
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::Workshop& workshop = *TRY(session.workshop());
  const ProgressKind progress = arguments.on("quiet") ? ProgressKind::quiet : ProgressKind::automatic;
  const auto obtain =
      image_obtainer(session, workshop, *registries, TRY(pull_policy(arguments, "pull")), progress);
  const oci::ImageRecord record = TRY(obtain(image, oci::Platform::host(), interrupts.token()));
  return workshop.images().load(record.manifest);
}

// As it was started, unless somebody has replaced it since.
std::string own_program() {
  const auto process = posix::open("/proc/self", O_PATH | O_DIRECTORY);
  if (!process) return "ecrin";
  const std::string path = posix::readlink_at(*process, "exe").value_or("");
  return path.starts_with('/') && posix::open(path, O_PATH) ? path : "ecrin";
}

// What the script runs, before the caller's arguments.
Result<std::vector<std::string>> words_of(Session& session, const Arguments& arguments,
                                          const std::string& image) {
  std::vector<std::string> words = {own_program(), "--root"};
  words.push_back(TRY(session.root()));
  if (const auto& driver = session.wanted_driver()) {
    words.emplace_back("--driver");
    words.emplace_back(fs::to_string(*driver));
  }
  words.insert(words.end(), {"enter", "--program"});
  for (const char* flag : {"entrypoint", "network"})
    if (const auto value = arguments.find(flag)) words.push_back(fmt::format("--{}={}", flag, *value));
  for (const std::string& line : TRY(requested_variables(arguments, session.environment())))
    words.push_back("--env=" + line);
  for (const std::string& volume : arguments.values("volume")) {
    MountSpec spec = TRY(parse_volume(volume));
    if (spec.type != MountSpec::Type::bind || volume.starts_with('/')) {
      words.push_back("--volume=" + volume);
    } else {
      words.push_back("--volume=" + TRY(absolute_path(spec.source)) + volume.substr(spec.source.size()));
    }
  }
  words.push_back(image);
  if (const auto command = arguments.find("command")) {
    for (std::string& word : TRY(command_words(*command))) words.push_back(std::move(word));
  }
  return words;
}

Outcome run_install(Session& session, const Arguments& arguments) {
  const std::string& image = arguments.operands().front();
  TRY(enter_request(arguments, session.environment()));
  const std::string name = arguments.value("as", name_of_image(image));
  if (!is_program_name(name)) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is no name for a program", printable(name)))
            .hint("--as NAME: letters, digits, '_', '.', '+' and '-'"));
  }
  const std::string directory = TRY(bin_directory(arguments, session.environment()));
  const oci::Image found = TRY(find(session, arguments, image));
  const bool has_program = arguments.has("entrypoint") || arguments.has("command") ||
                           (found.config.entrypoint && !found.config.entrypoint->empty()) ||
                           (found.config.cmd && !found.config.cmd->empty());
  if (!has_program)
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("the image '{}' names no program", printable(image)))
            .hint("name one: --entrypoint PROGRAM"));
  InstalledProgram program{
      .path = directory + "/" + name, .name = name, .image = image, .created = session.now()};
  const std::string script = program_script(program, TRY(words_of(session, arguments, image)));
  TRY(posix::make_directories(directory, 0755));
  InstalledPrograms programs = TRY(InstalledPrograms::open(TRY(session.workshop())->store()));
  TRY(programs.add(program, script));
  print_line(program.path);
  const std::vector<std::string> path = split(session.environment()("PATH").value_or(""), ':');
  if (std::ranges::find(path, directory) == path.end())
    session.console().print(fmt::format("note: '{}' is not on the PATH", printable(directory)));
  return 0;
}

Outcome run_uninstall(Session& session, const Arguments& arguments) {
  std::optional<std::string> directory;
  if (arguments.has("bin-dir")) directory = TRY(bin_directory(arguments, session.environment()));
  InstalledPrograms programs = TRY(InstalledPrograms::open(TRY(session.images())->blobs().store()));
  const std::vector<InstalledProgram> all = TRY(programs.list());
  FirstError errors(session.console());
  for (const std::string& name : arguments.operands()) {
    errors.done([&]() -> Result<> {
      bool any = false;
      for (const InstalledProgram& program : all) {
        if (program.name != name || (directory && program.path != *directory + "/" + name)) continue;
        any = true;
        const bool is_ours = TRY(InstalledPrograms::is_there(program));
        TRY(programs.remove(program));
        if (is_ours) print_line(program.path);
      }
      if (any) return {};
      return std::unexpected(
          Error(ErrorKind::not_found, fmt::format("there is no installed program '{}'", printable(name)))
              .hint("'ecrin installed' lists those there are"));
    }());
  }
  return std::move(errors).outcome({.not_found = 1});
}

Outcome run_installed(Session& session, const Arguments& arguments) {
  InstalledPrograms programs = TRY(InstalledPrograms::open(TRY(session.images())->blobs().store()));
  std::vector<Json> rows;
  std::vector<std::vector<std::string>> cells;
  for (const InstalledProgram& program : TRY(programs.list())) {
    if (!TRY(InstalledPrograms::is_there(program))) continue;  // somebody removed or replaced it
    rows.push_back({{"Name", program.name},
                    {"Image", program.image},
                    {"Path", program.path},
                    {"Created", program.created}});
    cells.push_back({program.name, program.image, program.path, time_ago(program.created, session.now())});
  }
  if (const std::string format = arguments.value("format"); !format.empty()) {
    TRY(print_formatted(format, rows));
    return 0;
  }
  print(format_table({"NAME", "IMAGE", "PATH", "INSTALLED"}, cells, Heading::shown));
  return 0;
}

}  // namespace

const Verb& install_verb() {
  static const Verb verb{
      .name = "install",
      .operands = "IMAGE",
      .summary = "Put an image's program on your PATH, to work on your files",
      .details =
          "A small script in ~/.local/bin that runs the program as 'ecrin enter --program' does: with your "
          "user, your home and work directory, your network; standard input and output, signals and the exit "
          "code pass through. A file that ecrin did not make is never overwritten. The path is printed.",
      .flags = with_flags(
          {
              {.name = "as", .value = "NAME", .help = "how it is called; default: as the image"},
              {.name = "bin-dir",
               .value = "DIR",
               .help = "where it goes; default: ~/.local/bin",
               .completion = Completion::directory},
              {.name = "command",
               .value = "WORDS",
               .help = "arguments that come before the caller's: one word or a JSON list"},
              {.name = "entrypoint",
               .value = "COMMAND",
               .help = "the program, instead of the image's: one word or a JSON list"},
              {.name = "env",
               .letter = 'e',
               .value = "NAME[=VALUE]",
               .help = "set a variable; without a value: from the environment, now",
               .occurs = Occurs::often},
              {.name = "network",
               .value = "MODE",
               .help = "host (default) or none",
               .completion = Completion::word,
               .words = {"host", "none"}},
              {.name = "volume",
               .letter = 'v',
               .value = "SOURCE:PATH[:OPTIONS]",
               .help = "a directory or volume more",
               .occurs = Occurs::often},
          },
          with_flags(pull_flags(), registry_flags())),
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run_install,
  };
  return verb;
}

const Verb& installed_verb() {
  static const Verb verb{
      .name = "installed",
      .operands = "",
      .summary = "List the programs that 'ecrin install' put somewhere",
      .details = "",
      .flags = {{.name = "format", .value = "FORMAT", .help = "json, or a template"}},
      .most_operands = 0,
      .run = run_installed,
  };
  return verb;
}

const Verb& uninstall_verb() {
  static const Verb verb{
      .name = "uninstall",
      .operands = "NAME...",
      .summary = "Remove programs that 'ecrin install' put somewhere",
      .details = "Only scripts of ours are removed; the images stay. The paths are printed.",
      .flags = {{.name = "bin-dir",
                 .value = "DIR",
                 .help = "only the one in this directory",
                 .completion = Completion::directory}},
      .least_operands = 1,
      .run = run_uninstall,
  };
  return verb;
}

}  // namespace ecrin::cli

#include "cli/config_changes.hpp"

#include "base/text.hpp"
#include "cli/import_changes.hpp"

namespace ecrin::cli {
namespace {

// NAME=VALUE sets, NAME- takes away, - alone takes everything away.
Result<oci::KeyChanges> key_changes(const Arguments& arguments, const char* flag, bool& clear) {
  oci::KeyChanges changes;
  for (const std::string& text : arguments.values(flag)) {
    if (text == "-") {
      clear = true;
      changes.clear();
      continue;
    }
    const std::size_t equals = text.find('=');
    const bool removes = equals == std::string::npos && text.ends_with('-');
    if (equals == 0 || (equals == std::string::npos && !removes))
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("--{} needs NAME=VALUE, not '{}'", flag, printable(text)))
              .hint("NAME- takes one away, - alone takes away all"));
    if (removes) {
      changes.emplace_back(text.substr(0, text.size() - 1), std::nullopt);
    } else {
      changes.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return changes;
}

using Check = Result<std::string> (*)(const std::string&);

// The same for names without values.
Result<oci::KeyChanges> name_changes(const Arguments& arguments, const char* flag, bool& clear, Check check) {
  oci::KeyChanges changes;
  for (const std::string& text : arguments.values(flag)) {
    if (text == "-" || text.empty()) {
      clear = true;
      changes.clear();
    } else if (text.ends_with('-')) {
      changes.emplace_back(TRY(check(text.substr(0, text.size() - 1))), std::nullopt);
    } else {
      changes.emplace_back(TRY(check(text)), "");
    }
  }
  return changes;
}

Result<std::string> port(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto number = parse_unsigned(text.substr(0, slash), 65535);
  const std::string protocol = slash == std::string::npos ? "tcp" : to_lower(text.substr(slash + 1));
  if (!number || *number == 0 || (protocol != "tcp" && protocol != "udp" && protocol != "sctp"))
    return fail(ErrorKind::invalid, "--port needs a number up to 65535, as in 80 or 53/udp, not '{}'",
                printable(text));
  return fmt::format("{}/{}", *number, protocol);
}

Result<std::string> absolute(const std::string& text, const char* flag) {
  if (text.starts_with('/')) return text;
  return fail(ErrorKind::invalid, "--{} needs an absolute path, not '{}'", flag, printable(text));
}

Result<std::string> volume(const std::string& text) {
  return absolute(text, "volume");
}

Result<std::optional<oci::ConfigChanges::Words>> command(const std::string& text,
                                                         const oci::ImageConfig& config) {
  using Words = oci::ConfigChanges::Words;
  if (text.empty()) return std::optional<Words>();
  Words words = TRY(parse_command(text));
  const bool through_shell = !trim(text).starts_with('[');
  if (through_shell && !config.shell.empty()) {
    words = config.shell;
    words.push_back(text);
  }
  return std::optional(std::move(words));
}

Result<std::optional<oci::Healthcheck>> healthcheck(const Arguments& arguments,
                                                    const std::optional<oci::Healthcheck>& present) {
  oci::Healthcheck check = present.value_or(oci::Healthcheck{});
  if (const auto text = arguments.find("healthcheck")) {
    if (text->empty()) return std::optional<oci::Healthcheck>();
    if (to_lower(*text) == "none") {
      check = {};
      check.test = {"NONE"};
    } else if (trim(*text).starts_with('[')) {
      check.test = TRY(parse_command(*text));
      check.test.insert(check.test.begin(), "CMD");
    } else {
      check.test = {"CMD-SHELL", *text};
    }
  }
  if (check.test.empty())
    return std::unexpected(Error(ErrorKind::invalid, "the image has no health check whose times could change")
                               .hint("give its command with --healthcheck"));
  const std::pair<const char*, std::int64_t*> times[] = {{"healthcheck-interval", &check.interval},
                                                         {"healthcheck-timeout", &check.timeout},
                                                         {"healthcheck-start-period", &check.start_period}};
  for (const auto& [flag, value] : times) {
    if (const auto text = arguments.find(flag))
      *value = TRY_WHILE(parse_duration(*text), "reading --{}", flag);
  }
  if (const auto text = arguments.find("healthcheck-retries"))
    check.retries = static_cast<std::int64_t>(
        TRY_WHILE(parse_unsigned(*text, 1'000'000), "reading --healthcheck-retries"));
  return std::optional(std::move(check));
}

Result<std::optional<oci::Platform>> platform(const Arguments& arguments, const oci::Platform& present) {
  if (!arguments.has("os") && !arguments.has("arch") && !arguments.has("variant")) return std::nullopt;
  // A variant belongs to an architecture: another architecture does not inherit it.
  const bool same = !arguments.has("arch") || arguments.value("arch") == present.architecture;
  const std::string variant = arguments.value("variant", same ? present.variant : "");
  const std::string os = arguments.value("os", present.os);
  const std::string architecture = arguments.value("arch", present.architecture);
  oci::Platform result = TRY(
      oci::Platform::parse(fmt::format("{}/{}{}{}", os, architecture, variant.empty() ? "" : "/", variant)));
  result.os_version = present.os_version;
  return std::optional(std::move(result));
}

// JSON holds nothing else, and a replacement character would be another value.
Result<> check_texts(const Arguments& arguments) {
  for (const Flag& flag : config_flags()) {
    for (const std::string& value : arguments.values(flag.name)) {
      if (!is_valid_utf8(value))
        return fail(ErrorKind::invalid, "--{}: '{}' is not UTF-8, which a configuration must be", flag.name,
                    printable(value));
    }
  }
  return {};
}

}  // namespace

std::vector<Flag> config_flags() {
  return {
      {.name = "annotation",
       .letter = 'a',
       .value = "NAME=VALUE",
       .help = "set an annotation of the manifest; NAME- takes it away",
       .occurs = Occurs::often},
      {.name = "arch", .value = "ARCH", .help = "the processor that the image is for"},
      {.name = "author", .value = "TEXT", .help = "who made the image"},
      {.name = "cmd", .value = "COMMAND", .help = "the default command: a JSON list, or text for a shell"},
      {.name = "entrypoint",
       .value = "COMMAND",
       .help = "what always runs: a JSON list, or text for a shell; takes away the command"},
      {.name = "env",
       .letter = 'e',
       .value = "NAME=VALUE",
       .help = "set a variable; NAME- takes it away",
       .occurs = Occurs::often},
      {.name = "healthcheck",
       .value = "COMMAND",
       .help = "how to see whether the program is well: a JSON list, text for a shell, or none"},
      {.name = "healthcheck-interval", .value = "TIME", .help = "the time between two health checks"},
      {.name = "healthcheck-retries", .value = "NUMBER", .help = "how many of them may fail"},
      {.name = "healthcheck-start-period", .value = "TIME", .help = "how long the program may need to start"},
      {.name = "healthcheck-timeout", .value = "TIME", .help = "how long one may take"},
      {.name = "label",
       .letter = 'l',
       .value = "NAME=VALUE",
       .help = "set a label; NAME- takes it away",
       .occurs = Occurs::often},
      {.name = "os", .value = "OS", .help = "the operating system that the image is for"},
      {.name = "port",
       .letter = 'p',
       .value = "PORT[/PROTOCOL]",
       .help = "a port that the program listens on; PORT- takes it away",
       .occurs = Occurs::often},
      {.name = "shell", .value = "WORDS", .help = "the shell of commands that are text: a JSON list"},
      {.name = "stop-signal", .value = "SIGNAL", .help = "the signal that ends the program"},
      {.name = "user", .letter = 'u', .value = "USER[:GROUP]", .help = "who runs the program"},
      {.name = "variant", .value = "VARIANT", .help = "the variant of the processor"},
      {.name = "volume",
       .letter = 'v',
       .value = "PATH",
       .help = "a place for data that outlives the container; PATH- takes it away",
       .occurs = Occurs::often},
      {.name = "workdir", .letter = 'w', .value = "PATH", .help = "the program's working directory"},
  };
}

Result<oci::ConfigChanges> config_changes(const Arguments& arguments, const oci::ImageConfig& config) {
  TRY(check_texts(arguments));
  oci::ConfigChanges changes;
  changes.env = TRY(key_changes(arguments, "env", changes.clear_env));
  changes.labels = TRY(key_changes(arguments, "label", changes.clear_labels));
  changes.annotations = TRY(key_changes(arguments, "annotation", changes.clear_annotations));
  changes.ports = TRY(name_changes(arguments, "port", changes.clear_ports, port));
  changes.volumes = TRY(name_changes(arguments, "volume", changes.clear_volumes, volume));
  if (const auto text = arguments.find("entrypoint")) changes.entrypoint = TRY(command(*text, config));
  if (const auto text = arguments.find("cmd")) changes.cmd = TRY(command(*text, config));
  if (const auto text = arguments.find("shell")) {
    if (!text->empty() && !trim(*text).starts_with('['))
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("--shell needs a JSON list, not '{}'", printable(*text)))
              .hint(R"(as in '["/bin/bash", "-c"]')"));
    changes.shell = text->empty() ? oci::ConfigChanges::Words{} : TRY(parse_command(*text));
  }
  changes.user = arguments.find("user");
  changes.working_dir = arguments.find("workdir");
  if (changes.working_dir && !changes.working_dir->empty()) TRY(absolute(*changes.working_dir, "workdir"));
  changes.stop_signal = arguments.find("stop-signal");
  changes.author = arguments.find("author");
  for (const char* flag : {"healthcheck", "healthcheck-interval", "healthcheck-retries",
                           "healthcheck-start-period", "healthcheck-timeout"}) {
    if (arguments.has(flag)) changes.healthcheck = TRY(healthcheck(arguments, config.healthcheck));
  }
  changes.platform = TRY(platform(arguments, config.platform));
  return changes;
}

}  // namespace ecrin::cli

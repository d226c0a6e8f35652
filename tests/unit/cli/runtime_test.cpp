// The command line of the OCI runtime and what it says of failures.
#include "cli/runtime/runtime.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "cli/runtime/log_file.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

using Words = std::vector<std::string>;

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

Words create_words(const Words& words) {
  return with_both_dashes(runtime_create_verb().words, words);
}

}  // namespace

TEST_CASE("flags of the runtime may have one dash") {
  CHECK(create_words({"-bundle", "/b", "-pid-file=/p", "c1"}) ==
        Words{"--bundle", "/b", "--pid-file=/p", "c1"});
  CHECK(create_words({"--bundle", "-bundle", "c1"}) == Words{"--bundle", "-bundle", "c1"});
  CHECK(create_words({"-b", "-bundle", "c1", "-no-pivot"}) == Words{"-b", "-bundle", "c1", "--no-pivot"});
  CHECK(create_words({"c1", "--", "-bundle"}) == Words{"c1", "--", "-bundle"});
  CHECK(create_words({"-help"}) == Words{"--help"});
  CHECK(create_words({"-x", "-"}) == Words{"-x", "-"});
  // What follows the first operand of exec belongs to the program.
  const Verb& exec = runtime_exec_verb().words;
  CHECK(with_both_dashes(exec, Words{"-tty", "-e", "-cwd", "c1", "ls", "-cwd"}) ==
        Words{"--tty", "-e", "-cwd", "c1", "ls", "-cwd"});
  CHECK(with_both_dashes(exec, Words{"-td", "c1"}) == Words{"-td", "c1"});
}

TEST_CASE("what runc and crun share is accepted") {
  const auto accepts = [](const RuntimeVerb& verb, const Words& words) {
    const auto parsed = parse_arguments(verb.words, with_both_dashes(verb.words, words));
    if (!parsed) WARN(parsed.error().message());
    return parsed.has_value();
  };
  CHECK(accepts(runtime_create_verb(),
                {"--bundle", "/b", "--console-socket=/s", "--pid-file", "/p", "--no-pivot",
                 "--no-new-keyring", "--no-subreaper", "--preserve-fds", "2", "-f", "config.json", "c1"}));
  CHECK(accepts(runtime_run_verb(), {"-d", "--keep", "-b", "/b", "--no-subreaper", "c1"}));
  CHECK(accepts(runtime_exec_verb(), {"--console-socket",
                                      "/s",
                                      "--cwd",
                                      "/",
                                      "-e",
                                      "A=b",
                                      "--env",
                                      "C=d",
                                      "-t",
                                      "-u",
                                      "1:2",
                                      "-g",
                                      "3",
                                      "--additional-gids",
                                      "4",
                                      "-d",
                                      "--pid-file",
                                      "/p",
                                      "--process-label",
                                      "l",
                                      "--apparmor",
                                      "a",
                                      "--no-new-privs",
                                      "-c",
                                      "CAP_CHOWN",
                                      "--preserve-fds=1",
                                      "--cgroup",
                                      "x",
                                      "--ignore-paused",
                                      "c1",
                                      "sh",
                                      "-c",
                                      "true"}));
  CHECK(accepts(runtime_exec_verb(), {"--process", "/p", "--detach", "c1"}));
  CHECK(accepts(runtime_kill_verb(), {"--all", "c1", "KILL"}));
  CHECK(accepts(runtime_kill_verb(), {"c1", "9", "-a"}));
  CHECK(accepts(runtime_delete_verb(), {"-f", "c1"}));
  CHECK(accepts(runtime_list_verb(), {"--format", "json"}));
  CHECK(accepts(runtime_ps_verb(), {"--format=json", "c1"}));
  CHECK(accepts(runtime_ps_verb(), {"c1", "-o", "pid,comm"}));
  CHECK(accepts(runtime_update_verb(), {"--resources=-", "c1"}));
  CHECK(accepts(runtime_update_verb(), {"--memory", "1g", "--memory-swap", "-1", "--pids-limit", "5", "c1"}));
  CHECK(accepts(runtime_events_verb(), {"--stats", "c1"}));
  CHECK(accepts(runtime_spec_verb(), {"--rootless", "-b", "/b"}));
  CHECK_FALSE(parse_arguments(runtime_state_verb().words, Words{}));
  CHECK_FALSE(parse_arguments(runtime_state_verb().words, Words{"a", "b"}));
}

TEST_CASE("every verb of the runtime is declared whole") {
  std::set<std::string_view> verbs;
  for (const RuntimeVerb* verb : runtime_verbs()) {
    INFO(verb->words.name);
    CHECK(verb->run != nullptr);
    CHECK(verbs.insert(verb->words.name).second);
    CHECK(verb->words.name.starts_with("runtime "));
    CHECK_FALSE(verb->words.summary.empty());
    std::set<std::string_view> names;
    std::set<char> letters;
    for (const Flag& flag : verb->words.flags) {
      INFO(flag.name);
      CHECK(names.insert(flag.name).second);
      if (flag.letter != 0) CHECK(letters.insert(flag.letter).second);
      CHECK_FALSE(flag.help.empty());
    }
  }
}

TEST_CASE("states are where the user may write") {
  CHECK(default_runtime_root(true, 0, environment_of({{"XDG_RUNTIME_DIR", "/x"}})) == "/run/ecrin-runtime");
  CHECK(default_runtime_root(false, 1000, environment_of({{"XDG_RUNTIME_DIR", "/x"}})) == "/x/ecrin-runtime");
  CHECK(default_runtime_root(false, 1000, environment_of({})) == "/tmp/ecrin-runtime-1000");
  CHECK(default_runtime_root(false, 1000, environment_of({{"XDG_RUNTIME_DIR", "x"}})) ==
        "/tmp/ecrin-runtime-1000");
}

TEST_CASE("a line of the log is what engines parse") {
  const std::string json = log_line(LogFormat::json, "error", "cannot \"x\"\n", 0);
  CHECK(json.back() == '\n');
  const auto parsed = nlohmann::json::parse(json);
  CHECK(parsed["level"] == "error");
  CHECK(parsed["msg"] == "cannot \"x\"\n");
  CHECK(parsed["time"] == "1970-01-01T00:00:00Z");
  CHECK(log_line(LogFormat::text, "error", "cannot \"x\"", 0) ==
        "time=\"1970-01-01T00:00:00Z\" level=error msg=\"cannot \\\"x\\\"\"\n");
}

TEST_CASE("an error is one line with all that is known") {
  CHECK(one_line(Error(ErrorKind::invalid, "bad\nthing").context("reading x").hint("write y")) ==
        "bad thing, while reading x; write y");
  // How engines tell 127 from 126.
  CHECK(one_line(Error(ErrorKind::program_not_found, "there is no 'x'"))
            .find("executable file not found in $PATH") != std::string::npos);
  CHECK(one_line(Error(ErrorKind::program_not_executable, "cannot execute 'x'")).find("permission denied") !=
        std::string::npos);
  CHECK(one_line(Error(ErrorKind::program_not_found, "x: No such file or directory")) ==
        "x: No such file or directory");
}

// What the golden files cannot show: arguments from outside, bounds, odd encodings, and no crash on broken
// text.
#include "recipes/yaml_recipe.hpp"

#include <fmt/core.h>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

namespace {

using Given = std::map<std::string, std::string>;

Recipe parsed(std::string_view text, const Given& args = {}) {
  Result<Recipe> recipe = parse_yaml_recipe(text, {.file = "a.yaml", .args = args});
  if (!recipe) FAIL(recipe.error().message());
  return *recipe;
}

Error refused(std::string_view text, const Given& args = {}) {
  const Result<Recipe> recipe = parse_yaml_recipe(text, {.file = "a.yaml", .args = args});
  REQUIRE_FALSE(recipe.has_value());
  return recipe.error();
}

const RunStep& run_step(const Recipe& recipe, std::size_t index = 0) {
  return std::get<RunStep>(recipe.stages.at(0).steps.at(index).kind);
}

}  // namespace

TEST_CASE("a recipe without stages is the stage 'main'") {
  const Recipe recipe = parsed("from: scratch\n");
  REQUIRE(recipe.stages.size() == 1);
  CHECK(recipe.stages[0].name == "main");
  CHECK(std::holds_alternative<FromScratch>(recipe.stages[0].from));
  CHECK(recipe.file == "a.yaml");
  CHECK_FALSE(recipe.epoch.has_value());
}

TEST_CASE("a given argument wins over the default, and may make up for a missing one") {
  const std::string_view text = "args: {A: 1, B: '${A}-b', C: }\nfrom: 'x:${A}${C}'\n";
  const Recipe recipe = parsed(text, {{"A", "2"}, {"C", "3"}});
  CHECK(std::get<FromImage>(recipe.stages[0].from).reference == "x:23");
  std::string args;
  for (const Argument& arg : recipe.args)
    args += fmt::format("{}={} at {}:{}\n", arg.name, arg.value, arg.location.line, arg.location.column);
  CHECK(args == "A=2 at 1:8\nB=2-b at 1:14\nC=3 at 1:27\n");
}

TEST_CASE("a default is not looked at when the argument is given") {
  CHECK(parsed("args: {A: , B: '${A}'}\nfrom: 'x:${B}'\n", {{"B", "1"}}).args.size() == 1);
}

TEST_CASE("an argument without a value is no fault until it is used") {
  CHECK(parsed("args: {TOKEN: }\nfrom: scratch\n").args.empty());
}

TEST_CASE("a given argument of an undeclared name is refused, with the near one") {
  CHECK(refused("args:\n  VERSION: 1\nfrom: scratch\n", {{"VERSOIN", "2"}})
            .message()
            .starts_with(
                "a.yaml:2:3: --build-arg 'VERSOIN': no argument of this name is declared (did you mean "
                "'VERSION'?)"));
  CHECK(refused("from: scratch\n", {{"A", "2"}}).message() ==
        "a.yaml: --build-arg 'A': no argument of this name is declared");
}

TEST_CASE("hostile: a value of --build-arg is a value, never text of the recipe") {
  const std::string_view text =
      "args: {A: x}\n"
      "from: debian\n"
      "env: {E: 'a${A}b'}\n"
      "steps:\n"
      "  - run: echo \"$A\"\n"
      "  - run: [echo, '${A}']\n";
  const std::string nasty = "\"; rm -rf / #\n  - run: evil ${B} $$";
  const Recipe recipe = parsed(text, {{"A", nasty}});
  REQUIRE(recipe.stages[0].steps.size() == 3);
  CHECK(std::get<EnvStep>(recipe.stages[0].steps[0].kind).variables[0].second == "a" + nasty + "b");
  CHECK(std::get<std::string>(run_step(recipe, 1).command) == "echo \"$A\"");
  CHECK(run_step(recipe, 1).env == std::vector<KeyValue>{{"A", nasty}});
  CHECK(std::get<std::vector<std::string>>(run_step(recipe, 2).command)[1] == nasty);
  CHECK(run_step(recipe, 2).env.empty());
}

TEST_CASE("an argument's value is checked where it is used") {
  const std::string_view text = "args: {A: x}\nfrom: scratch\nsteps:\n  - copy: ['${A}', /x]\n";
  CHECK(refused(text, {{"A", "../../etc"}}).message().contains("leaves its root"));
  CHECK(refused(text, {{"A", "a\nb"}}).message().contains("control character"));
  CHECK(refused(text, {{"A", ""}}).message().contains("'src' is empty"));
}

TEST_CASE("hostile: arguments that grow without end are refused, quickly") {
  std::string text = "args:\n  A0: xxxxxxxxxx\n";
  for (int i = 1; i < 40; ++i)
    text += fmt::format("  A{}: ${{A{}}}${{A{}}}${{A{}}}\n", i, i - 1, i - 1, i - 1);
  const Error error = refused(text + "from: scratch\n");
  CHECK(error.kind() == ErrorKind::limit);
  CHECK(error.message().contains("1 MiB"));
}

TEST_CASE("hostile: a long argument that many scripts mention is refused") {
  std::string text = "args: {A: " + std::string(500'000, 'x') + "}\nfrom: scratch\nsteps:\n- run: echo $A\n";
  CHECK(parsed(text).stages[0].steps.size() == 1);
  for (int i = 0; i < 9'000; ++i) text += "- run: echo $A\n";
  const Error error = refused(text);
  CHECK(error.kind() == ErrorKind::limit);
  CHECK(error.message().contains("the recipe's text grows above 1 MiB by its arguments"));
}

TEST_CASE("arguments of the platform are known without a declaration") {
  const std::string_view text =
      "args: {TARGETARCH: }\nfrom: 'x:${TARGETOS}-${TARGETARCH}-${TARGETVARIANT}'\n";
  const Result<Recipe> recipe = parse_yaml_recipe(
      text, {.file = "a", .platform = oci::Platform{.os = "linux", .architecture = "arm", .variant = "v7"}});
  REQUIRE(recipe.has_value());
  CHECK(std::get<FromImage>(recipe->stages[0].from).reference == "x:linux-arm-v7");
  const oci::Platform host = oci::Platform::host();
  const Recipe here = parsed("from: 'x:${BUILDARCH}-${TARGETARCH}'\n");
  CHECK(std::get<FromImage>(here.stages[0].from).reference ==
        "x:" + host.architecture + "-" + host.architecture);
  CHECK(here.args.empty());
}

TEST_CASE("a script gets the arguments that it mentions, and the step's own variables win") {
  const Recipe recipe = parsed(
      "args: {A: 1, B: 2, C: 3}\n"
      "from: debian\n"
      "steps:\n"
      "  - run: {command: 'make $A ${B} $HOME $A', env: {B: own, X: y}}\n"
      "  - env: {A: stage}\n"
      "  - run: make $A $C\n");
  CHECK(run_step(recipe, 0).env == std::vector<KeyValue>{{"A", "1"}, {"B", "own"}, {"X", "y"}});
  CHECK(run_step(recipe, 2).env == std::vector<KeyValue>{{"C", "3"}});
}

TEST_CASE("keys of a stage are steps before the others, those of 'config' after them") {
  const Recipe recipe = parsed(
      "from: debian\n"
      "config: {cmd: [x], user: web, entrypoint: [/e], workdir: /w, ports: [80], labels: {a: b}}\n"
      "steps: [{run: make}]\n"
      "shell: [/bin/bash, -c]\n"
      "user: builder\n"
      "workdir: /src\n"
      "env: {A: b}\n");
  std::string texts;
  for (const Step& step : recipe.stages[0].steps) texts += step.text + "\n";
  CHECK(texts ==
        "env: A=b\nworkdir: /src\nuser: builder\nshell: /bin/bash -c\nrun: make\n"
        "user: web\nworkdir: /w\nlabels: a=b\nentrypoint: /e\ncmd: x\nports: 80/tcp\n");
  CHECK(recipe.stages[0].steps[0].location.line == 7);
  CHECK(recipe.stages[0].shell == std::vector<std::string>{"/bin/sh", "-e", "-c"});
}

TEST_CASE("the default shell is nothing that the image says") {
  const Recipe recipe = parsed("from: debian\nshell: [/bin/sh, -e, -c]\n");
  CHECK(recipe.stages[0].steps.empty());
}

TEST_CASE("a new entrypoint drops the command, unless the stage has one of its own") {
  const auto drops = [](std::string_view rest) {
    const Recipe recipe = parsed("from: debian\n" + std::string(rest));
    for (const Step& step : recipe.stages[0].steps) {
      if (const auto* entrypoint = std::get_if<EntrypointStep>(&step.kind)) return entrypoint->drops_cmd;
    }
    FAIL("no entrypoint");
    return false;
  };
  CHECK(drops("config: {entrypoint: [/e]}\n"));
  CHECK_FALSE(drops("config: {entrypoint: [/e], cmd: [x]}\n"));
  CHECK(drops("steps: [{entrypoint: [/e]}, {cmd: [x]}]\n"));
  CHECK_FALSE(drops("steps: [{cmd: [x]}, {entrypoint: [/e]}]\n"));
  CHECK_FALSE(drops("steps: [{cmd: [x]}]\nconfig: {entrypoint: [/e]}\n"));
}

TEST_CASE("epoch is a number or a time") {
  CHECK(parsed("from: scratch\nepoch: 0\n").epoch == 0);
  CHECK(parsed("from: scratch\nepoch: 2000-01-01T00:00:00Z\n").epoch == 946684800);
  CHECK(parsed("from: scratch\nepoch: '1700000000'\n").epoch == 1700000000);
  CHECK(refused("from: scratch\nepoch: 99999999999999\n").message().contains("'epoch' must be"));
}

TEST_CASE("modes are octal by their text") {
  const auto mode = [](std::string_view text) {
    const Recipe recipe =
        parsed(fmt::format("from: scratch\nsteps: [write: {{dest: /a, content: b, mode: {}}}]\n", text));
    return std::get<WriteStep>(recipe.stages[0].steps[0].kind).mode;
  };
  CHECK(mode("0644") == 0644);
  CHECK(mode("'0644'") == 0644);
  CHECK(mode("0o755") == 0755);
  CHECK(mode("00755") == 0755);
  CHECK(mode("0") == 0);
  CHECK(mode("07777") == 07777);
  CHECK(refused("from: scratch\nsteps: [write: {dest: /a, content: b, mode: 755}]").hint_text() ==
        "write 0755 if 755 is meant in octal");
}

TEST_CASE("a byte order mark is no part of the recipe") {
  CHECK(parsed("\xEF\xBB\xBF"
               "from: scratch\n")
            .stages.size() == 1);
  CHECK(refused("\xEF\xBB\xBF"
                "form: scratch\n")
            .message()
            .starts_with("a.yaml:1:1: unknown key 'form'"));
}

TEST_CASE("a place inside a text is found through quotes, folding and repetition") {
  const auto place = [](std::string_view text) {
    const std::string message = refused(text).message();
    return message.substr(0, message.find(": "));
  };
  CHECK(place("from: scratch\nname: a${X}\n") == "a.yaml:2:8");
  CHECK(place("from: scratch\nenv: {A: \"\\ta ${X}\"}\n") == "a.yaml:2:15");
  CHECK(place("args: {Y: 1}\nfrom: scratch\nenv: {A: '${Y} ${Y} ${X}'}\n") == "a.yaml:3:21");
  CHECK(place("from: scratch\nenv:\n  A: >\n    one\n    two ${X}\n") == "a.yaml:5:9");
  CHECK(place("from: scratch\nenv: {A: '$${X} ${X}'}\n") == "a.yaml:2:17");
}

TEST_CASE("hostile: messages show no control characters of the recipe") {
  const std::string message = refused("from: scratch\n\"a\\e[31m\": b\n").message();
  CHECK_FALSE(message.contains('\x1b'));
  CHECK(message.contains("unknown key 'a\\x1b[31m'"));
}

TEST_CASE("hostile: a long chain of stages is no problem, and its cycle is found") {
  std::string text = "stages:\n";
  for (int i = 0; i < 20'000; ++i) text += fmt::format("  s{}: {{from: s{}}}\n", i, i + 1);
  CHECK(parsed(text + "  s20000: {from: scratch}\n").stages.size() == 20'001);
  CHECK(refused(text + "  s20000: {from: s19999}\n").message().contains("s19999 -> s20000 -> s19999"));
}

TEST_CASE("hostile: no prefix and no broken byte of a recipe crashes the reader") {
  const std::string text =
      "name: app\nargs: {V: 1, W: }\nx-a: &a {L: C}\nstages:\n  b:\n    from: {bootstrap: debian, suite: "
      "\"s\"}\n"
      "    env: {<<: *a, K: '${V}'}\n    steps:\n      - run: {command: |\n          a $V\n\n        }\n"
      "      - run:\n          command: [a, b]\n          mounts: [{cache: /c}, {secret: t, mode: 0400}]\n"
      "      - copy: {from: b2, src: [a, b], dest: ./}\n  b2:\n    from: scratch\n    config: {ports: "
      "[80]}\n";
  std::size_t good = 0;
  for (std::size_t length = 0; length <= text.size(); ++length) {
    good += parse_yaml_recipe(text.substr(0, length), {.file = "a"}).has_value();
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'\t', '\n', '"', '[', '}', ':', '*', '&'}) {
      std::string broken = text;
      broken[i] = c;
      good += parse_yaml_recipe(broken, {.file = "a"}).has_value();
    }
  }
  CHECK(good < text.size() * 9);
}

TEST_CASE("ports are named one by one, as a config has them") {
  const auto ports = [](const std::string& value) {
    const Recipe recipe = parsed("from: scratch\nsteps:\n- expose: " + value + "\n");
    return std::get<ExposeStep>(recipe.stages.at(0).steps.at(0).kind).ports;
  };
  using Ports = std::vector<std::string>;
  CHECK(ports("[8000-8002, 53/udp, 8001/tcp]") == Ports{"8000/tcp", "8001/tcp", "8002/tcp", "53/udp"});
  CHECK(ports("80-81/sctp") == Ports{"80/sctp", "81/sctp"});
  CHECK(ports("1-10000").size() == 10'000);
  for (const char* wrong : {"0", "80/TCP", "9-8", "80/", "8080:80", "80-"})
    CHECK(refused(fmt::format("from: scratch\nsteps:\n- expose: '{}'\n", wrong))
              .message()
              .contains("must be like 80, 53/udp or 8000-8010/tcp"));
}

TEST_CASE("hostile: lists that no image's config holds are refused while the recipe is read") {
  const auto message = [](const std::string& steps) {
    const Error error = refused("from: scratch\nsteps:\n" + steps);
    CHECK(error.kind() == ErrorKind::limit);
    return error.message();
  };
  CHECK(message("- expose: 1-10001\n").contains("a.yaml:3:11: 1-10001 are 10001 ports"));
  CHECK(message("- expose: 1-10000\n- expose: 1/udp\n")
            .contains("at most 10000 ports, and here there are more"));
  std::string names;
  for (int i = 0; i <= 10'000; ++i) names += fmt::format("a{}: b, ", i);
  CHECK(message("- env: {" + names + "}\n").contains("at most 10000 variables"));
  CHECK(message("- label: {" + names + "}\n").contains("at most 10000 labels"));
}

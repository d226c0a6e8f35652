// Build checks: what --check prints and returns, and what a build makes of findings.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

constexpr const char* k_flawed = "FROM localhost/busybox AS Base\nMAINTAINER me\nCOPY out/x /x\n";

}  // namespace

TEST_CASE("build --check prints findings, builds nothing and opens no store") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context(".dockerignore", "out\n");
  ecrin.context("Containerfile", k_flawed);
  const Outcome outcome = ecrin({"build", "--check", ecrin.context_directory()});
  INFO(outcome.description);
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.out, "Containerfile:1:27: StageNameCasing: "));
  CHECK(contains(outcome.out, "Containerfile:2:1: MaintainerDeprecated: "));
  CHECK(contains(outcome.out, "Containerfile:3:6: CopyIgnoredFile: "));
  CHECK(contains(outcome.out, "  fix: "));
  CHECK(lines_of(outcome.out).back().ends_with("/Containerfile: 3 warnings"));
  CHECK_FALSE(std::filesystem::exists(ecrin.root() + "/store.db"));
  CHECK_FALSE(std::filesystem::exists(ecrin.root() + "/layers"));
}

TEST_CASE("build --check without findings is exit code 0, and with errors 1 as docker's") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context("Containerfile", "FROM localhost/busybox\nRUN true\n");
  const Outcome good = ecrin({"build", "--check", ecrin.context_directory()});
  CHECK(good.code == 0);
  CHECK(lines_of(good.out).back().ends_with("/Containerfile: no warnings"));
  ecrin.context("Containerfile", "FROM localhost/busybox\nRNU true\n");
  const Outcome bad = ecrin({"build", "--check", ecrin.context_directory()});
  CHECK(bad.code == 1);
  CHECK(contains(bad.err, "unknown instruction 'RNU' (did you mean 'RUN'?)"));
}

TEST_CASE("what --call=check and --call=lint do is --check") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context("Containerfile", k_flawed);
  const Outcome check = ecrin({"build", "--check", ecrin.context_directory()});
  for (const char* word : {"--call=check", "--call=lint"}) {
    const Outcome call = ecrin({"build", word, ecrin.context_directory()});
    CHECK(call.code == 1);
    CHECK(call.out == check.out);
  }
  const Outcome json = ecrin({"build", "--call=lint,format=json", ecrin.context_directory()});
  CHECK(nlohmann::json::parse(json.out).size() == 2);
  ecrin.context("Containerfile", "FROM localhost/busybox\nRNU true\n");
  CHECK(ecrin({"build", "--call=check", ecrin.context_directory()}).code == 1);
  CHECK(ecrin({"build", ecrin.context_directory()}).code == 125);
}

TEST_CASE("build --check with a target looks into what the target needs") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context(
      "Containerfile",
      "FROM localhost/busybox AS tools\nENV TOOL_TOKEN=x\nFROM localhost/busybox AS One\n"
      "WORKDIR here\nCOPY --from=tools /a /b\nFROM localhost/busybox AS two\nLABEL a b\nWORKDIR there\n");
  const auto rules = [&](const std::string& target) {
    Arguments words = {"build", "--check", "--format", "{{.line}} {{.ruleName}}"};
    if (!target.empty()) words.insert(words.end(), {"--target", target});
    words.push_back(ecrin.context_directory());
    return ecrin(words).out;
  };
  const std::string of_all = "3 StageNameCasing\n";
  const std::string of_form = "7 LegacyKeyValueFormat\n";
  CHECK(rules("") == "2 SecretsUsedInArgOrEnv\n" + of_all + "4 WorkdirRelativePath\n" + of_form +
                         "8 WorkdirRelativePath\n");
  CHECK(rules("one") == "2 SecretsUsedInArgOrEnv\n" + of_all + "4 WorkdirRelativePath\n" + of_form);
  CHECK(rules("two") == of_all + of_form + "8 WorkdirRelativePath\n");
  const Outcome nowhere = ecrin({"build", "--check", "--target", "three", ecrin.context_directory()});
  CHECK(nowhere.code == 1);
  CHECK(contains(nowhere.err, "three"));

  ecrin.context("recipe.yaml",
                "stages:\n  one: {from: scratch, steps: [{env: {A_TOKEN: x}}]}\n  two: {from: scratch}\n");
  CHECK(ecrin({"build", "--check", "--target", "one", ecrin.context_directory() + "/recipe.yaml"}).code == 1);
  CHECK(ecrin({"build", "--check", "--target", "two", ecrin.context_directory() + "/recipe.yaml"}).code == 0);
}

TEST_CASE("build --check of very large texts ends in a bounded time", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const auto repeated = [](const std::string& text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += text;
    return all;
  };
  constexpr std::size_t k_million = 1'000'000;
  const std::string from = "FROM localhost/busybox\n";
  const std::pair<const char*, std::string> texts[] = {
      {"a line", from + "RUN " + std::string(k_million, 'x') + "\n"},
      {"one word of variables", from + "ENV A=" + repeated("$B", k_million / 2) + "\n"},
      {"many words", from + "COPY" + repeated(" a", k_million / 2) + " /x/\n"},
      {"instructions", from + repeated("RUN true\n", 100'000)},
      {"settings", from + repeated("ENV A=$A\n", 100'000)},
      {"nested", from + "ENV A=" + repeated("${A:-x", 10'000) + repeated("}", 10'000) + "\n"},
      {"nested too deep", from + "ENV A=" + repeated("${A:-x", 100'000) + repeated("}", 100'000) + "\n"},
      {"doubled", from + "ENV A=xx\n" + repeated("ENV A=$A$A\n", 100)},
      {"stages", repeated("FROM scratch\n", 100'000)},
  };
  ecrin.context(".dockerignore", repeated("*a", k_million / 2 - 10) + "\n");
  for (const auto& [what, text] : texts) {
    ecrin.context("Containerfile", text);
    Invocation check = ecrin.invocation({"build", "--check", ecrin.context_directory()});
    check.timeout = std::chrono::seconds(100);
    const Outcome outcome = run(check);
    INFO(what << ": " << outcome.code << " " << outcome.err.substr(0, 2000));
    CHECK_FALSE(outcome.timed_out);
    const bool ended = outcome.code == 0 || outcome.code == 1;
    CHECK(ended);
  }
}

TEST_CASE("build --check --format is for programs") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context("Containerfile", k_flawed);
  const Outcome json = ecrin({"build", "--check", "--format", "json", ecrin.context_directory()});
  CHECK(json.code == 1);
  const nlohmann::json rows = nlohmann::json::parse(json.out);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["ruleName"] == "StageNameCasing");
  CHECK(rows[1]["line"] == 2);
  const Outcome rules =
      ecrin({"build", "--check", "--format", "{{.line}} {{.ruleName}}", ecrin.context_directory()});
  CHECK(rules.out == "1 StageNameCasing\n2 MaintainerDeprecated\n");
  CHECK(ecrin({"build", "--format", "json", ecrin.context_directory()}).code == 125);
}

TEST_CASE("a build counts its findings, and variables of its base are none") {
  Ecrin ecrin;
  ecrin.context("x", "1\n");
  ecrin.context("Containerfile", "FROM localhost/busybox\nENV FROM_BASE=x\n");
  (void)ecrin.must({"build", "-q", "-t", "base", ecrin.context_directory()});
  ecrin.context("Containerfile", "FROM localhost/base\nMAINTAINER me\nCOPY $FROM_BASE /$NOWHERE/\n");
  const Outcome check = ecrin({"build", "--check", ecrin.context_directory()});
  CHECK(contains(check.out, "'$FROM_BASE'"));
  const Outcome outcome = ecrin({"build", "--progress", "plain", ecrin.context_directory()});
  INFO(outcome.description);
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "2 warnings; 'ecrin build --check' shows them"));
}

TEST_CASE("a build fails for its findings where the file or the build argument says so") {
  Ecrin ecrin;
  ecrin.context("Containerfile", "# check=error=true\nFROM localhost/busybox\nMAINTAINER me\n");
  const Outcome failed = ecrin({"build", "-q", ecrin.context_directory()});
  CHECK(failed.code == 125);
  CHECK(contains(failed.err, "has 1 warning by its own build checks: MaintainerDeprecated"));
  CHECK(ecrin({"build", "-q", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all", ecrin.context_directory()})
            .code == 0);
}

TEST_CASE("what is too much to be checked is no recipe without findings") {
  Ecrin ecrin;
  std::string text = "FROM localhost/busybox AS large\nENV V=" + std::string(1024 * 1024, 'x') + "\n";
  for (int i = 0; i < 17; ++i) text += "LABEL l=$V\n";
  text += "FROM localhost/busybox\n";
  ecrin.context("Containerfile", "# check=error=true\n" + text);
  const Outcome failed = ecrin({"build", "-q", ecrin.context_directory()});
  CHECK(failed.code == 125);
  CHECK(contains(failed.err, "the file grows by more than 16 MiB"));
  ecrin.context("Containerfile", text);
  CHECK(ecrin({"build", "-q", ecrin.context_directory()}).code == 0);
}

TEST_CASE("a YAML recipe is checked too") {
  Ecrin ecrin;
  const std::string recipe = "from: localhost/busybox\nsteps:\n  - env: {API_TOKEN: x}\n";
  const Outcome check = ecrin.try_build(recipe, {"--check"});
  CHECK(check.code == 1);
  CHECK(contains(check.out, ":3:"));
  CHECK(contains(check.out, "SecretsUsedInArgOrEnv"));
  const Outcome silent = ecrin.try_build(
      recipe, {"--check", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=SecretsUsedInArgOrEnv"});
  CHECK(silent.code == 0);
}

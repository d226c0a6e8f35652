#include <set>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

const Verb* found(std::vector<std::string> words) {
  const auto match = find_verb(words);
  return match ? match->verb : nullptr;
}

}  // namespace

TEST_CASE("verbs are found by name and in podman's noun form") {
  CHECK(found({"images"}) == &images_verb());
  CHECK(found({"image", "ls"}) == &images_verb());
  CHECK(found({"image", "rm"}) == &rmi_verb());
  CHECK(found({"image", "exists"}) == &exists_verb());
  CHECK(found({"container", "ls"}) == &ps_verb());
  CHECK(found({"container", "prune"}) == &container_prune_verb());
  CHECK(find_verb(std::vector<std::string>{"image", "ls", "-q"})->words == 2);
}

TEST_CASE("every verb is found by its own name") {
  for (const Verb* verb : verbs()) {
    INFO(verb->name);
    CHECK(found(split(verb->name, ' ')) == verb);
  }
}

TEST_CASE("an unknown verb comes with a hint") {
  const auto typo = find_verb(std::vector<std::string>{"biuld"});
  REQUIRE_FALSE(typo);
  CHECK(typo.error().message() == "unknown verb 'biuld'");
  CHECK(typo.error().hint_text() == "did you mean 'build'?");
  const auto missing = find_verb(std::vector<std::string>{"search"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().hint_text().find("ecrin pull") != std::string::npos);
  CHECK(find_verb(std::vector<std::string>{"image"}).error().hint_text().find("exists") != std::string::npos);
  CHECK(find_verb(std::vector<std::string>{"image", "inspct"}).error().hint_text() ==
        "did you mean 'inspect'?");
}

TEST_CASE("every verb is declared whole") {
  for (const Verb* verb : verbs()) {
    INFO(verb->name);
    CHECK(verb->run != nullptr);
    CHECK_FALSE(verb->summary.empty());
    CHECK(verb->summary.back() != '.');
    CHECK(verb->least_operands <= verb->most_operands);
    std::set<std::string_view> names;
    std::set<char> letters;
    for (const Flag& flag : verb->flags) {
      INFO(flag.name);
      CHECK(names.insert(flag.name).second);
      if (flag.letter != 0) CHECK(letters.insert(flag.letter).second);
      CHECK_FALSE(flag.help.empty());
      CHECK((flag.words.empty() || !flag.value.empty()));
      CHECK((flag.completion != Completion::word || !flag.words.empty()));
    }
  }
}

TEST_CASE("the program's help names every verb") {
  const std::string help = program_help();
  for (const Verb* verb : verbs()) {
    INFO(verb->name);
    CHECK(help.find("\n  " + std::string(verb->name) + " ") != std::string::npos);
  }
}

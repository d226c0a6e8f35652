// The man pages are written by hand; this test keeps them true to what the program accepts.
#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/runtime/runtime.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

// Roff writes a dash that must stay one as "\-".
std::string page(std::string name) {
  std::ranges::replace(name, ' ', '-');  // "manifest add" has the page ecrin-manifest-add
  auto text = posix::read_file(std::string(ECRIN_SOURCE_DIR) + "/docs/man/" + name);
  REQUIRE(text);
  std::string plain;
  for (const char character : *text) {
    if (character != '\\') plain += character;
  }
  return plain;
}

bool has_flag(const std::string& text, const Flag& flag) {
  const std::string name = "--" + std::string(flag.name);
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const char next = at + name.size() < text.size() ? text[at + name.size()] : ' ';
    const bool whole = next != '-' && !(next >= 'a' && next <= 'z');
    if (whole && (flag.letter == 0 || text.find(std::string{'-', flag.letter}) != std::string::npos))
      return true;
  }
  return false;
}

// "image mount" is ecrin-image-mount.
std::string page_name(const Verb& verb) {
  std::string name = "ecrin-" + std::string(verb.name);
  std::ranges::replace(name, ' ', '-');
  return name;
}

// The page of `runtime` has the flags of the runtime's own verbs too.
std::vector<Flag> documented_flags(const Verb& verb) {
  std::vector<Flag> flags = verb.flags;
  if (&verb == &runtime_verb())
    for (const RuntimeVerb* own : runtime_verbs())
      flags.insert(flags.end(), own->words.flags.begin(), own->words.flags.end());
  return flags;
}

}  // namespace

TEST_CASE("every flag of every verb is in its man page") {
  for (const Verb* verb : verbs()) {
    if (verb == &help_verb()) continue;  // it shows what the others have
    const std::string text = page(page_name(*verb) + ".1");
    for (const Flag& flag : documented_flags(*verb)) {
      INFO(verb->name << " --" << flag.name);
      CHECK(has_flag(text, flag));
    }
  }
}

TEST_CASE("a man page has no flag that the verb does not know") {
  for (const Verb* verb : verbs()) {
    if (verb == &help_verb()) continue;  // it shows what the others have
    const std::string text = page(page_name(*verb) + ".1");
    // Flags are documented in lines that start with ".BR --" or ".BR -x".
    for (const std::string& line : split(text, '\n')) {
      if (!line.starts_with(".BR -")) continue;
      const std::size_t start = line.find("--");
      REQUIRE(start != std::string::npos);
      const std::string name = line.substr(start + 2, line.find_first_of(" =\"", start) - start - 2);
      bool known = name == "help";
      for (const Flag& flag : documented_flags(*verb)) known = known || flag.name == name;
      INFO(verb->name << " --" << name);
      CHECK(known);
    }
  }
}

TEST_CASE("the program's man page names its flags and verbs") {
  const std::string text = page("ecrin.1");
  for (const Flag& flag : program().flags) {
    INFO(flag.name);
    CHECK(has_flag(text, flag));
  }
  for (const Verb* verb : verbs()) {
    INFO(verb->name);
    if (verb != &help_verb()) CHECK(text.find(page_name(*verb)) != std::string::npos);
  }
}

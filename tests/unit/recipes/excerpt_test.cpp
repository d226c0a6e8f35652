#include "recipes/excerpt.hpp"

#include "base/text.hpp"
#include "recipes/yaml_recipe.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/recipes/containerfile/lowered.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

namespace {

std::string shown(std::string_view text, std::size_t step) {
  const auto recipe = parse_yaml_recipe(text, {.file = "a.yaml"});
  REQUIRE(recipe);
  const auto lines = excerpt(text, *recipe, recipe->stages[0].steps.at(step).location);
  return join(format_excerpt(lines), "\n") + "\n";
}

}  // namespace

TEST_CASE("a step is shown with all its lines and two on each side") {
  const std::string_view text =
      "from: debian\n"
      "steps:\n"
      "  - env: {A: b}\n"
      "  - run: |\n"
      "      make\n"
      "\n"
      "      make install\n"
      "\n"
      "  - run: true\n"
      "config:\n"
      "  cmd: [x]\n";
  CHECK(shown(text, 1) ==
        "        2 | steps:\n"
        "        3 |   - env: {A: b}\n"
        ">>>     4 |   - run: |\n"
        ">>>     5 |       make\n"
        ">>>     6 | \n"
        ">>>     7 |       make install\n"
        "        8 | \n"
        "        9 |   - run: true\n");
  CHECK(shown(text, 2) ==
        "        7 |       make install\n"
        "        8 | \n"
        ">>>     9 |   - run: true\n"
        "       10 | config:\n"
        "       11 |   cmd: [x]\n");
}

TEST_CASE("of a Containerfile nothing is marked that follows the step, and all of the step is") {
  const std::string_view text =
      "FROM base\n"
      "RUN a \\\n"
      "  # within\n"
      "  b\n"
      "# about what follows\n"
      "ARG X=1\n"
      "FROM base\n"
      "RUN <<E\n"
      "c\n"
      "E\n"
      "\n"
      "# at the end\n";
  using namespace containerfile;
  const Recipe recipe = lowered(text, {.target = "0"}).recipe;
  CHECK(join(format_excerpt(excerpt(text, recipe, {.line = 2, .column = 1})), "\n") ==
        "        1 | FROM base\n"
        ">>>     2 | RUN a \\\n"
        ">>>     3 |   # within\n"
        ">>>     4 |   b\n"
        "        5 | # about what follows\n"
        "        6 | ARG X=1");
  const Recipe other = lowered(text).recipe;
  CHECK(join(format_excerpt(excerpt(text, other, {.line = 8, .column = 1})), "\n") ==
        "        6 | ARG X=1\n"
        "        7 | FROM base\n"
        ">>>     8 | RUN <<E\n"
        ">>>     9 | c\n"
        ">>>    10 | E\n"
        "       11 | \n"
        "       12 | # at the end");
}

TEST_CASE("a long step is cut in its middle, and the text's first and last lines are no borders to cross") {
  std::string text = "from: debian\nsteps:\n  - run: |\n";
  for (int i = 1; i <= 40; ++i) text += "      line " + std::to_string(i) + "\n";
  const std::string lines = shown(text, 0);
  CHECK(lines.starts_with("        1 | from: debian\n        2 | steps:\n>>>     3 |   - run: |\n"));
  CHECK(lines.contains(">>>    11 |       line 8\n>>>       | ...\n>>>    41 |       line 38\n"));
  CHECK(lines.ends_with(">>>    43 |       line 40\n"));
  CHECK(excerpt(text, Recipe{}, Location{}).empty());
  CHECK(excerpt(text, Recipe{}, Location{.line = 1000, .column = 1}).empty());
  CHECK(excerpt("x", Recipe{}, Location{.line = 1, .column = 1}).size() == 1);
}

TEST_CASE("hostile: an excerpt shows no control characters") {
  const auto lines = excerpt("a \x1b[31m\tb\n", Recipe{}, Location{.line = 1, .column = 1});
  REQUIRE(lines.size() == 1);
  CHECK_FALSE(lines[0].text.contains('\x1b'));
}

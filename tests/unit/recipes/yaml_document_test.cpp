#include "recipes/yaml_document.hpp"

#include <fmt/core.h>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

namespace {

YamlNodePtr parsed(std::string_view text) {
  const SourceText source("a.yaml", text);
  Result<YamlNodePtr> node = parse_yaml_document(source);
  if (!node) FAIL(node.error().message());
  return *node;
}

Error refused(std::string_view text) {
  const SourceText source("a.yaml", text);
  const Result<YamlNodePtr> node = parse_yaml_document(source);
  REQUIRE_FALSE(node.has_value());
  return node.error();
}

std::string place_of(std::string_view text, const YamlNode& node) {
  const Location location = SourceText("", text).location(node.span.begin);
  return fmt::format("{}:{}+{}", location.line, location.column, node.span.length);
}

}  // namespace

TEST_CASE("scalars keep their text as written") {
  const YamlNodePtr root = parsed("[yes, 0644, 1.50, \"a\\tb\", 'it''s', ~, null, '~']");
  REQUIRE(root->items.size() == 8);
  CHECK(root->items[0]->text == "yes");
  CHECK(root->items[1]->text == "0644");
  CHECK(root->items[2]->text == "1.50");
  CHECK(root->items[3]->text == "a\tb");
  CHECK(root->items[4]->text == "it's");
  CHECK(root->items[5]->kind == YamlNode::Kind::null);
  CHECK(root->items[6]->kind == YamlNode::Kind::null);
  CHECK(root->items[7]->kind == YamlNode::Kind::scalar);
  CHECK(root->items[0]->plain);
  CHECK_FALSE(root->items[3]->plain);
}

TEST_CASE("every node knows its place") {
  const std::string_view text =
      "key: value # comment\n"
      "quoted: \"a \\\" b\"\n"
      "anchored: &a text\n"
      "list:\n"
      "  - [x, y]\n"
      "block: |\n"
      "  line\n"
      "map: &m\n"
      "  in: 1\n"
      "missing:\n"
      "ünï: cödé\n";
  const YamlNodePtr root = parsed(text);
  CHECK(place_of(text, *root) == "1:1+3");
  CHECK(place_of(text, *root->find("key")) == "1:6+5");
  CHECK(place_of(text, *root->find("quoted")) == "2:9+8");
  CHECK(place_of(text, *root->find("anchored")) == "3:14+4");
  CHECK(place_of(text, *root->find("list")) == "5:3+1");
  CHECK(place_of(text, *root->find("list")->items[0]) == "5:5+1");
  CHECK(place_of(text, *root->find("block")) == "6:8+1");
  CHECK(place_of(text, *root->find("map")) == "9:3+2");
  CHECK(place_of(text, *root->find("missing")) == "10:1+7");
  CHECK(place_of(text, *root->find("ünï")) == "11:6+6");  // bytes of "cödé"
}

TEST_CASE("windows line ends count as line ends") {
  const YamlNodePtr root = parsed("a: b\r\nc: |\r\n  x\r\n  y\r\n");
  CHECK(root->find("a")->text == "b");
  CHECK(root->find("c")->text == "x\ny\n");
}

TEST_CASE("an alias is the node that it names") {
  const YamlNodePtr root = parsed("a: &x {k: v}\nb: *x\n");
  CHECK(root->members[0].value == root->members[1].value);
}

TEST_CASE("merge keys: written keys win, then the earlier mapping") {
  const YamlNodePtr root =
      parsed("x: &x {a: x, b: x}\ny: &y {b: y, c: y}\nz:\n  c: z\n  <<: [*x, *y]\nw: {<<: *x, b: w}\n");
  const YamlNode& z = *root->find("z");
  REQUIRE(z.members.size() == 3);
  CHECK(z.find("a")->text == "x");
  CHECK(z.find("b")->text == "x");
  CHECK(z.find("c")->text == "z");
  CHECK(root->find("w")->find("b")->text == "w");
  CHECK(root->find("w")->find("<<") == nullptr);
}

TEST_CASE("hostile: aliases that multiply are refused, quickly") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) bomb += fmt::format("{}*a{}", j == 0 ? "" : ", ", i - 1);
    bomb += "]\n";
  }
  const Error error = refused(bomb);
  CHECK(error.kind() == ErrorKind::limit);
  CHECK(error.message().contains("with this alias the recipe has more than 100000 nodes"));
}

TEST_CASE("hostile: merges that multiply are refused") {
  std::string bomb = "a0: &a0 {k0: x, k1: x, k2: x, k3: x}\n";
  for (int i = 1; i < 60; ++i) {
    bomb += fmt::format("a{}: &a{} {{n{}: *a{}, m{}: *a{}, <<: *a{}}}\n", i, i, i, i - 1, i, i - 1, i - 1);
  }
  CHECK(refused(bomb).kind() == ErrorKind::limit);
}

TEST_CASE("hostile: long texts that aliases repeat are refused") {
  const std::string text = "a: &a " + std::string(900'000, 'x') + "\n";
  std::string many;
  for (int i = 0; i < 18; ++i) many += "- *a\n";
  CHECK(parsed(text + "b:\n" + many.substr(0, 17 * 5)));
  CHECK(refused(text + "b:\n" + many)
            .message()
            .contains("with this alias the recipe has more than 16 MiB of text"));
  CHECK(refused("a: &a {b: [" + std::string(900'000, 'x') + "]}\nb:\n" + many).kind() == ErrorKind::limit);
}

TEST_CASE("hostile: depth is bounded, also through aliases") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + "x" + std::string(depth, ']');
  };
  CHECK(parsed(nested(100))->height == 101);
  CHECK(refused(nested(101)).message().contains("nested deeper than 100 levels"));
  CHECK(refused(nested(100'000)).kind() == ErrorKind::limit);
  std::string steps;
  for (int i = 0; i < 50'000; ++i) steps += "- ";
  CHECK(refused(steps + "x").kind() == ErrorKind::limit);

  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 200; ++i) chain += fmt::format("a{}: &a{} [*a{}]\n", i, i, i - 1);
  CHECK(refused(chain).message().contains("with this alias the recipe is nested deeper than 100 levels"));
}

TEST_CASE("hostile: size and number of nodes are bounded") {
  CHECK(refused(std::string(1024 * 1024 + 1, ' ')).message() == "recipe 'a.yaml' is larger than 1 MiB");
  std::string many = "[";
  for (int i = 0; i < 100'001; ++i) many += "x,";
  CHECK(refused(many + "]").message().contains("more than 100000 nodes"));
  std::string keys;
  for (int i = 0; i < 49'000; ++i) keys += fmt::format("k{}: \n", i);
  CHECK(parsed(keys)->members.size() == 49'000);
}

TEST_CASE("hostile: odd bytes are refused where they stand") {
  CHECK(refused(std::string_view("a: b\nc: d\0e", 11)).message().starts_with("a.yaml:2:5: "));
  CHECK(refused("a: \x1b[31m").message().starts_with("a.yaml:1:4: a recipe is text, and here is byte 0x1b"));
  CHECK(refused("a: b\n\x04 rest").message().starts_with("a.yaml:2:1: "));
  CHECK(refused("a: \xff").message().starts_with("a.yaml:1:4: a recipe is UTF-8"));
  CHECK(refused("\xff\xfe"
                "a")
            .message()
            .contains("a recipe is UTF-8"));
  CHECK(refused("ä: \xc3").message().starts_with("a.yaml:1:4: "));
}

TEST_CASE("the library's own quirks do not show") {
  for (const char* text : {"", "\n\n", "---\n", "# comment\n", "~"}) {
    INFO(text);
    CHECK(refused(text).message() == "recipe 'a.yaml' is empty");
  }
  CHECK(parsed("--- \na: b\n...\n")->find("a")->text == "b");
  CHECK(parsed("%YAML 1.2\n---\na: b\n")->find("a")->text == "b");
  CHECK(refused("a: b\n---\n").message().contains("one YAML document"));
  CHECK(refused("\"a\" \"b\"\n").message().starts_with("a.yaml:1:5: nothing can follow here"));
  CHECK(refused("a: b\n...\nc: d\n").message().contains("one YAML document"));
  CHECK(refused("a: !!binary aGk=").message().contains("tags"));
  CHECK(refused("a: &x 1\n*x : 2\n*x : 3\n").message().contains("duplicate key '1'"));
  CHECK(parsed("a: 'it''s\n  long'\nb: \"x \\\" \\\n  y\"\n")->find("a")->text == "it's long");
  CHECK(refused("a: \"b\n").message().starts_with("a.yaml:1:4: this quote is not closed"));
  CHECK(refused("a: 'b").message().contains("a quoted text has no end"));
  CHECK(refused("a:\n\tb: c\n")
            .message()
            .starts_with("a.yaml:2:1: YAML is indented with spaces, and this is a tab"));
  CHECK(refused("a:\n  b: c\n \td: e\n").message().starts_with("a.yaml:3:2: YAML is indented with spaces"));
  CHECK(refused("a: [1, 2").message().starts_with("a.yaml:1:4: this '[' is not closed"));
  CHECK(refused("a:\n  - {b: [1], c: 2\n").message().starts_with("a.yaml:2:5: this '{' is not closed"));
}

#include "cli/arguments.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

const Verb& sample() {
  static const Verb verb{
      .name = "sample",
      .operands = "IMAGE [COMMAND]",
      .summary = "Test things",
      .flags = {{.name = "target", .letter = 't', .value = "STAGE", .help = "a value"},
                {.name = "tag", .value = "NAME", .help = "several", .occurs = Occurs::often},
                {.name = "rm", .value = "", .help = "a switch"},
                {.name = "interactive", .letter = 'i', .value = "", .help = "a switch"},
                {.name = "network", .value = "MODE", .help = "words", .words = {"host", "none"}}},
      .least_operands = 1,
      .most_operands = 2,
  };
  return verb;
}

Result<Arguments> parse(std::vector<std::string> words) {
  return parse_arguments(sample(), words);
}

}  // namespace

TEST_CASE("long flags take their value from = or from the next word") {
  const auto arguments = parse({"--target=build", "image", "--tag", "a", "--tag=b=c"});
  REQUIRE(arguments);
  CHECK(arguments->value("target") == "build");
  CHECK(arguments->values("tag") == std::vector<std::string>{"a", "b=c"});
  CHECK(arguments->operands() == std::vector<std::string>{"image"});
}

TEST_CASE("letters cluster, and the last may take a value") {
  const auto arguments = parse({"-it", "build", "x"});
  REQUIRE(arguments);
  CHECK(arguments->on("interactive"));
  CHECK(arguments->value("target") == "build");
  CHECK(parse({"-itbuild", "x"})->value("target") == "build");
  CHECK(parse({"-it=build", "x"})->value("target") == "build");
}

TEST_CASE("switches take an explicit value, and only a truth value") {
  CHECK_FALSE(parse({"--rm=false", "x"})->on("rm", true));
  CHECK(parse({"--rm=1", "x"})->on("rm"));
  CHECK(parse({"x"})->on("rm", true));
  const auto wrong = parse({"--rm=perhaps", "x"});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message() == "--rm takes true or false, not 'perhaps'");
}

TEST_CASE("the last of several values counts") {
  CHECK(parse({"--target=a", "--target=b", "x"})->value("target") == "b");
}

TEST_CASE("two dashes end the flags, one dash is an operand") {
  const auto arguments = parse({"--", "--rm", "-"});
  REQUIRE(arguments);
  CHECK_FALSE(arguments->has("rm"));
  CHECK(arguments->operands() == std::vector<std::string>{"--rm", "-"});
}

TEST_CASE("with flags first, what follows the first operand is left alone") {
  Verb verb = sample();
  verb.order = Order::flags_first;
  verb.most_operands = 10;
  const auto arguments =
      parse_arguments(verb, std::vector<std::string>{"-i", "image", "ls", "--rm", "-x", "--"});
  REQUIRE(arguments);
  CHECK_FALSE(arguments->has("rm"));
  CHECK(arguments->operands() == std::vector<std::string>{"image", "ls", "--rm", "-x", "--"});
}

TEST_CASE("an unknown flag comes with the nearest known one") {
  const auto typo = parse({"--targt=x", "y"});
  REQUIRE_FALSE(typo);
  CHECK(typo.error().kind() == ErrorKind::invalid);
  CHECK(typo.error().message() == "unknown flag '--targt' for 'ecrin sample'");
  CHECK(typo.error().hint_text() == "did you mean '--target'?");
  const auto before = parse({"--root", "/x", "y"});
  REQUIRE_FALSE(before);
  CHECK(before.error().hint_text() == "'--root' goes before the verb: ecrin --root ... sample");
  CHECK(parse({"-iz", "y"}).error().message() == "unknown flag '-z' for 'ecrin sample'");
}

TEST_CASE("values out of a fixed set are checked") {
  const auto wrong = parse({"--network=hots", "x"});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message() == "--network is one of host, none, not 'hots'");
  CHECK(wrong.error().hint_text() == "did you mean 'host'?");
}

TEST_CASE("missing values and wrong numbers of operands are errors") {
  CHECK(parse({"x", "--target"}).error().message() == "--target needs a value: STAGE");
  CHECK(parse({}).error().message() == "'ecrin sample' needs IMAGE [COMMAND]");
  CHECK(parse({"a", "b", "c"}).error().message() == "'ecrin sample' has no use for 'c'");
}

TEST_CASE("help is found before mistakes in the number of operands") {
  CHECK(parse({"--help"})->help());
  CHECK(parse({"-h"})->help());
  CHECK(parse({"-ih"})->help());
}

TEST_CASE("the letter h is the verb's own where it declares the letter") {
  Verb verb = sample();
  verb.flags.push_back({.name = "hostname", .letter = 'h', .value = "NAME", .help = "x"});
  const auto arguments = parse_arguments(verb, std::vector<std::string>{"-h", "box", "image"});
  REQUIRE(arguments);
  CHECK_FALSE(arguments->help());
  CHECK(arguments->value("hostname") == "box");
}

TEST_CASE("help text names every flag with its letter and value") {
  const std::string text = help_text(sample());
  CHECK(text.starts_with("Test things\n\nUsage: ecrin sample [FLAGS] IMAGE [COMMAND]\n"));
  CHECK(text.find("  -t, --target STAGE") != std::string::npos);
  CHECK(text.find("      --tag NAME") != std::string::npos);
  CHECK(text.find("several (repeatable)") != std::string::npos);
  CHECK(text.find("  -h, --help") != std::string::npos);
}

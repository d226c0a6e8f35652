#include "oci/registry/challenge.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::oci;

TEST_CASE("a bearer challenge has its parameters") {
  const auto challenges = parse_challenges(
      {R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push")"});
  REQUIRE(challenges.size() == 1);
  CHECK(challenges[0].scheme == "bearer");
  CHECK(challenges[0].parameter("realm") == "https://auth.example/token");
  CHECK(challenges[0].parameter("service") == "registry.example");
  CHECK(challenges[0].parameter("scope") == "repository:a/b:pull,push");
  CHECK(challenges[0].parameter("error").empty());
}

TEST_CASE("one header has several challenges, several headers have them too") {
  const auto challenges =
      parse_challenges({R"(Negotiate, Basic realm="a, b" , bEARER Realm = "x" ,service=y)", "Digest a=b"});
  REQUIRE(challenges.size() == 4);
  CHECK(challenges[0].scheme == "negotiate");
  CHECK(challenges[1].scheme == "basic");
  CHECK(challenges[1].parameter("realm") == "a, b");
  CHECK(challenges[2].scheme == "bearer");
  CHECK(challenges[2].parameter("realm") == "x");
  CHECK(challenges[2].parameter("service") == "y");
  CHECK(challenges[3].scheme == "digest");
}

TEST_CASE("quoted strings have escapes, tokens have none, words of Negotiate are passed over") {
  const auto quoted = parse_challenges({R"(Bearer realm="say \"hi\" \\ bye",service=plain)"});
  REQUIRE(quoted.size() == 1);
  CHECK(quoted[0].parameter("realm") == R"(say "hi" \ bye)");
  const auto word = parse_challenges({"Negotiate YWJjZA==, Basic realm=x"});
  REQUIRE(word.size() == 2);
  CHECK(word[0].scheme == "negotiate");
  CHECK(word[1].parameter("realm") == "x");
}

TEST_CASE("empty elements and repeated names are no trouble") {
  const auto challenges = parse_challenges({", , Basic realm=first,,realm=second ,", "", "   "});
  REQUIRE(challenges.size() == 1);
  CHECK(challenges[0].parameter("realm") == "first");
}

TEST_CASE("what cannot be understood is left out") {
  CHECK(parse_challenges({}).empty());
  CHECK(parse_challenges({"="}).empty());
  CHECK(parse_challenges({"\"quoted\""}).empty());
  CHECK(parse_challenges({"@@ realm=x"}).empty());
  // the quote never ends: the parameter is lost, what came before is not
  const auto open = parse_challenges({R"(Bearer service=s, realm="https://x)"});
  REQUIRE(open.size() >= 1);
  CHECK(open[0].parameter("service") == "s");
  CHECK(open[0].parameter("realm").empty());
  CHECK(parse_challenges({"Bearer realm=x", "\x01\x02", "Basic realm=y"}).size() == 2);
}

TEST_CASE("endless headers are bounded") {
  CHECK(parse_challenges({"Bearer realm=" + std::string(100'000, 'x')}).empty());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Basic realm=x, ";
  CHECK(parse_challenges({many}).size() == 16);
  std::string parameters = "Bearer ";
  for (int i = 0; i < 500; ++i) parameters += "p" + std::to_string(i) + "=x,";
  CHECK(parse_challenges({parameters}).at(0).parameters.size() == 32);
  CHECK(parse_challenges(std::vector<std::string>(1000, "Basic realm=x")).size() <= 16);
}

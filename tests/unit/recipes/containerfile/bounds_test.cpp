// Files as large as they may be: each ends, with a value or one short error. Time that grows with the square
// of the size would show as a test that does not end.
#include "recipes/containerfile/lexer.hpp"
#include "tests/unit/recipes/containerfile/parsed.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

constexpr std::size_t k_mebibyte = 1024 * 1024;

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  result.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

TEST_CASE("a line of a mebibyte is read") {
  CHECK(script("RUN " + std::string(k_mebibyte, 'a')).size() == k_mebibyte);
  CHECK(last<EnvInstruction>("ENV" + repeated(" a=b", k_mebibyte / 4)).variables.size() == k_mebibyte / 4);
  CHECK(last<TransferInstruction>("COPY" + repeated(" a", k_mebibyte / 2)).sources.size() ==
        k_mebibyte / 2 - 1);
  CHECK(refused("RUN" + repeated(" --x", k_mebibyte / 4)).starts_with("unknown flag '--x' of RUN"));
}

TEST_CASE("a long word makes a short error") {
  CHECK(refusal("FROM a\n" + std::string(k_mebibyte, 'a')).size() < 500);
  CHECK(refusal("FROM a\nCOPY --" + std::string(k_mebibyte, 'a')).size() < 500);
  CHECK(refusal("FROM a\nRUN --mount=" + std::string(k_mebibyte, 'a') + " x").size() < 500);
  CHECK(refusal("FROM a\nRUN <<" + std::string(k_mebibyte, 'a')).size() < 500);
}

TEST_CASE("100,000 instructions are read") {
  CHECK(parsed("FROM a\n" + repeated("RUN b\n", 100'000)).instructions.size() == 100'001);
}

TEST_CASE("more than 200,000 instructions are refused") {
  CHECK(refusal("FROM a\n" + repeated("RUN b\n", 200'000))
            .contains("a containerfile has at most 200,000 instructions"));
}

TEST_CASE("a text above 4 MiB is refused") {
  CHECK(refusal(std::string(4 * k_mebibyte + 1, '#')) ==
        "containerfile 'Containerfile' is larger than 4 MiB");
}

TEST_CASE("a file that is one here-document is read") {
  const std::string body = repeated("line of it\n", 3 * k_mebibyte / 11);
  CHECK(parsed("FROM a\nRUN <<EOF\n" + body + "EOF\n").instructions[1].heredocs[0].content == body);
}

TEST_CASE("100,000 continuation lines are read") {
  const RunInstruction run = last<RunInstruction>("RUN a" + repeated(" \\\n b", 100'000));
  CHECK(run.command.script.size() == 1 + 100'000 * 3);
  const EnvInstruction env = last<EnvInstruction>("ENV a=b" + repeated("\\\n c=d", 100'000));
  CHECK(env.variables.size() == 100'001);
}

TEST_CASE("10,000 here-documents of one line are read, or are one error") {
  CHECK(refusal("FROM a\nRUN" + repeated(" <<E", 10'000) + "\n").size() < 500);
  const std::string all = "RUN" + repeated(" <<E", 10'000) + "\n" + repeated("E\n", 10'000);
  CHECK(parsed("FROM a\n" + all).instructions[1].heredocs.size() == 10'000);
  const std::string copy = "COPY" + repeated(" <<E", 10'000) + " /x\n" + repeated("E\n", 10'000);
  CHECK(parsed("FROM a\n" + copy).instructions[1].heredocs.size() == 1);
}

TEST_CASE("a here-document that is named a thousand times is kept once") {
  const std::string body = repeated("line of it\n", 3 * k_mebibyte / 11);
  const std::string ends = repeated("E\n", 999);
  const std::string file = "FROM a\nCOPY" + repeated(" <<E", 1000) + " /x/\n" + ends + body +
                           "E\nCOPY a <<B <<C <<B /x/\n1\nB\n2\nC\n3\nB\n";
  const Containerfile result = parsed(file);
  REQUIRE(result.instructions[1].heredocs.size() == 1);
  CHECK(result.instructions[1].heredocs[0].content == body);
  const std::vector<Heredoc>& several = result.instructions[2].heredocs;
  REQUIRE(several.size() == 2);
  CHECK(several[0].content == "3\n");
  CHECK(several[1].content == "2\n");
}

TEST_CASE("what is nested as deep as the text allows ends") {
  CHECK_FALSE(last<RunInstruction>("RUN " + std::string(k_mebibyte, '[')).command.exec_form);
  const std::string deep = std::string(k_mebibyte / 2, '[') + std::string(k_mebibyte / 2, ']');
  CHECK_FALSE(last<CmdInstruction>("CMD " + deep).command.exec_form);
  CHECK(script("RUN <<E " + repeated("${a:-", 100'000) + repeated("}", 100'000) + "\nE\n").size() > 600'000);
  CHECK(refusal("FROM a\nRUN <<E " + repeated("\"${a:-", 100'000) + "\nE\n").size() < 500);
}

TEST_CASE("files of nothing but line ends, comments or escapes end") {
  CHECK(refusal(std::string(4 * k_mebibyte, '\n')) == "containerfile 'Containerfile' has no instructions");
  CHECK(refusal(repeated("#\n", 2 * k_mebibyte)) == "containerfile 'Containerfile' has no instructions");
  CHECK(refusal(repeated("\\\n", 2 * k_mebibyte)).contains("an escape character stands here"));
  CHECK(refusal("RUN \\\n" + repeated("\n", 3 * k_mebibyte)).contains("stands before the first FROM"));
  CHECK(refusal(std::string(4 * k_mebibyte, '\r')) == "containerfile 'Containerfile' has no instructions");
}

#include "recipes/containerfile/syntax.hpp"

#include "tests/unit/recipes/containerfile/parsed.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

TEST_CASE("instructions are of any case") {
  const Containerfile file = parsed("from a\nrUn b\n");
  CHECK(file.instructions[1].as<RunInstruction>());
  CHECK(file.instructions[1].keyword == "rUn");
}

TEST_CASE("an unknown instruction is shown with its place and a suggestion") {
  CHECK(refusal("FROM a\n  RNU make\n") ==
        "Containerfile:2:3: unknown instruction 'RNU' (did you mean 'RUN'?)\n"
        "    2 |   RNU make\n"
        "      |   ^~~");
  CHECK(refused("FROBNICATE x") == "unknown instruction 'FROBNICATE'");
}

TEST_CASE("only ARG stands before the first FROM") {
  CHECK(parsed("ARG a=1\nFROM $a\n").instructions.size() == 2);
  CHECK(refusal("RUN make\nFROM a\n") ==
        "Containerfile:1:1: RUN stands before the first FROM\n"
        "    1 | RUN make\n"
        "      | ^~~");
}

TEST_CASE("a file without instructions or without FROM is refused") {
  CHECK(refusal("") == "containerfile 'Containerfile' has no instructions");
  CHECK(refusal("# nothing\n\n") == "containerfile 'Containerfile' has no instructions");
  CHECK(refusal("ARG a\n") == "containerfile 'Containerfile' has no FROM");
}

TEST_CASE("an instruction keeps its text as one line, its place and its comments") {
  const Containerfile file = parsed("# base\nFROM a\n\n# tools\n  RUN b \\\n    c\n");
  CHECK(file.instructions[1].location.line == 5);
  CHECK(file.instructions[1].location.column == 3);
  CHECK(file.instructions[1].comments == std::vector<std::string>{"tools"});
}

TEST_CASE("an error in a continuation line is shown there") {
  CHECK(refusal("FROM a\nENV b=c \\\n  # d\n  e\n") ==
        "Containerfile:4:3: 'e' is not NAME=VALUE\n"
        "    4 |   e\n"
        "      |   ^");
}

TEST_CASE("escape sequences in a file do not reach the terminal") {
  const std::string message = refusal("FROM a\n\x1b[31mRUN x\n");
  CHECK_FALSE(message.contains('\x1b'));
  CHECK(message.contains("\\x1b[31mRUN"));
}

TEST_CASE("white space of Unicode around an instruction is none of it") {
  const Containerfile file = parsed("FROM a\n\xC2\xA0RUN b\xE3\x80\x80\n");
  CHECK(file.instructions[1].as<RunInstruction>()->command.script == "b");
}

TEST_CASE("a trigger is one instruction") {
  const Result<Instruction> trigger = parse_trigger("COPY . /src", "ONBUILD of 'base'");
  REQUIRE(trigger);
  CHECK(trigger->as<TransferInstruction>()->destination.text == "/src");
  const Result<Instruction> heredoc = parse_trigger("RUN <<EOF\nmake\nEOF", "ONBUILD of 'base'");
  REQUIRE(heredoc);
  CHECK(heredoc->heredocs[0].content == "make\n");
}

TEST_CASE("a trigger that is wrong is shown with the image that it came from") {
  const Result<Instruction> wrong = parse_trigger("COPY a", "ONBUILD of 'base'");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message().starts_with("ONBUILD of 'base':1:6: COPY requires at least two arguments"));
  CHECK(parse_trigger("RUN a\nRUN b", "ONBUILD of 'base'").error().message() ==
        "ONBUILD of 'base' is not one instruction: 'RUN a\\x0aRUN b'");
  CHECK_FALSE(parse_trigger("", "ONBUILD of 'base'"));
}

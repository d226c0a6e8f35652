#include "recipes/containerfile/lexer.hpp"

#include "tests/unit/recipes/containerfile/parsed.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

LexedText lexed(std::string_view text) {
  Result<LexedText> result = lex_containerfile(SourceText("Containerfile", text));
  INFO((result ? "" : result.error().message()));
  REQUIRE(result);
  return std::move(*result);
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> result;
  for (const LogicalLine& line : lexed(text).lines) result.push_back(line.text);
  return result;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a byte order mark is not part of the first instruction") {
  CHECK(lines("\xEF\xBB\xBF"
              "FROM a\n") == Lines{"FROM a"});
}

TEST_CASE("line ends may be those of Windows") {
  CHECK(lines("FROM a\r\nRUN b \\\r\n  c\r\n") == Lines{"FROM a", "RUN b   c"});
}

TEST_CASE("an interpreter line at the top is no instruction") {
  const LexedText text = lexed("#!/usr/bin/env -S docker build\n# escape=`\nFROM a\n");
  CHECK(text.escape == '`');
  CHECK(text.lines.size() == 1);
}

TEST_CASE("parser directives are read at the top") {
  const LexedText text = lexed("# Syntax = docker/dockerfile:1 \n#escape=`\n# check=skip=all\nFROM a\n");
  REQUIRE(text.directives.size() == 3);
  CHECK(text.directives[0].name == "syntax");
  CHECK(text.directives[0].value == "docker/dockerfile:1");
  CHECK(text.directives[2].value == "skip=all");
  CHECK(text.escape == '`');
}

TEST_CASE("a comment, an empty line or an unknown directive ends the parser directives") {
  CHECK(lexed("# hello\n# escape=`\nFROM a\n").escape == '\\');
  CHECK(lexed("\n# escape=`\nFROM a\n").escape == '\\');
  CHECK(lexed("# unknown=1\n# escape=`\nFROM a\n").escape == '\\');
  CHECK(lexed("FROM a\n# escape=`\n").escape == '\\');
}

TEST_CASE("a parser directive stands only once") {
  CHECK(refusal("# escape=`\n# ESCAPE=\\\nFROM a")
            .starts_with("Containerfile:2:1: the parser directive 'escape' may stand only once\n"));
}

TEST_CASE("the escape character is one of two") {
  CHECK(refusal("# escape=x\nFROM a")
            .starts_with("Containerfile:1:10: the escape character is \\ or `, not 'x'\n"));
}

TEST_CASE("comments and empty lines amid continuation lines are left away") {
  const LexedText text = lexed("RUN a \\\n  # why\n\n#b\n \t\n  c\n");
  REQUIRE(text.lines.size() == 1);
  CHECK(text.lines[0].text == "RUN a   c");
  CHECK(text.lines[0].empty_lines.size() == 2);
}

TEST_CASE("white space after the escape character does not keep it from continuing") {
  CHECK(lines("RUN a \\ \t\nb\n") == Lines{"RUN a b"});
}

TEST_CASE("an escaped escape character does not continue a line") {
  CHECK(lines("ENV A b\\\\\nENV C d\n") == Lines{"ENV A b\\\\", "ENV C d"});
}

TEST_CASE("a line of nothing but the escape character continues") {
  CHECK(lines("ENV E hello\\\n\\\nworld\n") == Lines{"ENV E helloworld"});
  CHECK(lines("\\\n  RUN a\n") == Lines{"RUN a"});
}

TEST_CASE("white space of continuation lines stays") {
  CHECK(lines("ENV F hello\\\n \\\nworld\n") == Lines{"ENV F hello world"});
}

TEST_CASE("a continuation at the end of the file is no error") {
  CHECK(lines("FROM a\nRUN b \\") == Lines{"FROM a", "RUN b"});
  CHECK(refusal("FROM a\n\\\n")
            .contains("Containerfile:2:1: an escape character stands here, and no instruction"));
}

TEST_CASE("with escape=` a backslash is a character") {
  CHECK(lines("# escape=`\nRUN dir c:\\\nRUN a `\n b\n") == Lines{"RUN dir c:\\", "RUN a  b"});
}

TEST_CASE("a comment keeps to the instruction below, an empty one does not") {
  const LexedText text = lexed("# one\n  # two\nFROM a\n# three\n#\nRUN b\n# four\n\nRUN c\n");
  CHECK(text.lines[0].comments == Lines{"one", "two"});
  CHECK(text.lines[1].comments.empty());
  CHECK(text.lines[2].comments == Lines{"four"});
}

TEST_CASE("a place in joined lines is the place in the file") {
  const std::string_view text = "RUN one \\\n  # two\n  three \\\n four\n";
  const LexedText result = lexed(text);
  const LogicalLine& line = result.lines[0];
  const std::size_t three = line.text.find("three");
  const Span span = line.place(three, three + 5);
  CHECK(text.substr(span.begin, span.length) == "three");
  const Span both = line.place(three, line.text.size());
  CHECK(text.substr(both.begin, both.length) == "three \\\n four");
  CHECK(text.substr(line.span.begin, line.span.length) == text.substr(0, text.size() - 1));
}

TEST_CASE("a place is right after white space at the beginning") {
  const std::string_view text = " \\\n  \\\n  RUN one\n";
  const LexedText result = lexed(text);
  const Span span = result.lines[0].place(4, 7);
  CHECK(text.substr(span.begin, span.length) == "one");
}

TEST_CASE("bytes that are no text are refused") {
  CHECK(refusal(std::string_view("FROM a\nRUN b\0c\n", 15)).starts_with("Containerfile:2:6: "));
  CHECK(refusal("FROM a\nRUN b\xFF\n")
            .starts_with("Containerfile:2:6: an instruction is UTF-8, and this byte is not"));
  CHECK(lines("# \xFF\nFROM a\n").size() == 1);
}

TEST_CASE("NUL characters in here-documents and exec forms are refused, each in its line and with a hint") {
  const auto refused_with_hint = [](std::string_view text) {
    const Result<Containerfile> file = parse_containerfile(SourceText("Containerfile", text));
    REQUIRE_FALSE(file);
    CHECK_FALSE(file.error().hint_text().empty());
    return file.error().message();
  };
  for (const std::string before : {"RUN <<E", "COPY <<E /a", "ADD <<'E' /a", "RUN cat <<-E"}) {
    const std::string text = "FROM a\n" + before + "\n one\n two" + std::string(1, '\0') + "x\nE\n";
    CHECK(refused_with_hint(text).starts_with(
        "Containerfile:4:5: a here-document is text, and here is byte 0x00"));
  }
  for (const std::string keyword :
       {"RUN", "CMD", "ENTRYPOINT", "SHELL", "VOLUME", "COPY", "HEALTHCHECK CMD"}) {
    const std::string text = "FROM a\n" + keyword + R"( ["a", "b\u0000c"])" + "\n";
    INFO(text);
    CHECK(refused_with_hint(text).contains("this word of an exec form holds a NUL character"));
  }
  CHECK_FALSE(parse_trigger(R"(RUN ["a\u0000"])", "ONBUILD of 'base'"));
}

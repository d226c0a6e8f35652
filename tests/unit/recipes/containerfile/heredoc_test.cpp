#include "recipes/containerfile/heredoc.hpp"

#include "tests/unit/recipes/containerfile/parsed.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

std::vector<std::string> names(std::string_view line) {
  std::vector<std::string> result;
  for (const HeredocMark& mark : find_heredoc_marks(line)) result.push_back(mark.name);
  return result;
}

std::vector<Heredoc> heredocs(std::string_view instruction) {
  return parsed("FROM scratch\n" + std::string(instruction)).instructions.back().heredocs;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a word that begins with << and a name is a here-document") {
  CHECK(names("RUN <<EOF") == Names{"EOF"});
  CHECK(names("RUN 3<<EOF cat <<-OTHER > x") == Names{"EOF", "OTHER"});
  CHECK(names("RUN cat <<EOF; ls") == Names{"EOF;"});
  CHECK(names("RUN <<$EOF") == Names{"$EOF"});
}

TEST_CASE("blanks may stand between << and the name") {
  CHECK(names("RUN <<  EOF  > foo") == Names{"EOF"});
  CHECK(names("RUN <<- EOF").empty());
  CHECK(names("RUN << -EOF") == Names{"-EOF"});
  CHECK(names("RUN echo $(( 1 << 2 ))") == Names{"2"});
}

TEST_CASE("a here-document in quotes, with <<< or within a word is none") {
  CHECK(names("RUN '<<EOF'").empty());
  CHECK(names("RUN \"<<EOF\"").empty());
  CHECK(names("RUN <<<EOF").empty());
  CHECK(names("RUN a<<EOF").empty());
  CHECK(names("RUN \\<<EOF").empty());
  CHECK(names("RUN <<").empty());
  CHECK(names("RUN <<''").empty());
  CHECK(names("RUN echo $((1<<2))").empty());
}

TEST_CASE("quotes of the name are not part of it and turn expansion off") {
  const std::optional<HeredocMark> quoted = parse_heredoc_mark("<<'one two'");
  REQUIRE(quoted);
  CHECK(quoted->name == "one two");
  CHECK_FALSE(quoted->expand);
  CHECK_FALSE(parse_heredoc_mark("<<eo'f'")->expand);
  CHECK(parse_heredoc_mark("<<eo\\'f")->name == "eo'f");
  CHECK(parse_heredoc_mark("<<eo\\'f")->expand);
  CHECK(parse_heredoc_mark("<<\"a\\\"b\"")->name == "a\"b");
}

TEST_CASE("what is not a whole word is no mark") {
  CHECK_FALSE(parse_heredoc_mark("<<EOF sh"));
  CHECK_FALSE(parse_heredoc_mark("<<'EOF"));
  CHECK_FALSE(parse_heredoc_mark("<<EOF\""));
  CHECK_FALSE(parse_heredoc_mark("EOF"));
}

TEST_CASE("a line whose quotes or braces do not end has no here-documents") {
  CHECK(names("RUN echo don't <<EOF").empty());
  CHECK(names("RUN echo ${a <<EOF").empty());
  CHECK(names("RUN echo ${a[0]} <<EOF").empty());
  CHECK(names("RUN echo ${a:-it's} <<EOF").empty());
}

TEST_CASE("variables with modifiers do not hide a here-document") {
  CHECK(names("RUN echo ${a:-b} ${c#d} ${e/f/g} ${h:0:3} <<EOF") == Names{"EOF"});
  CHECK(names("RUN echo \"${a:-${b:-\"c\"}}\" <<EOF") == Names{"EOF"});
}

TEST_CASE("RUN, COPY and ADD take here-documents, others do not") {
  CHECK(heredocs("RUN <<EOF\na\nEOF\n").size() == 1);
  CHECK(heredocs("ADD <<EOF /x\na\nEOF\n").size() == 1);
  CHECK(refusal("FROM a\nUSER <<EOF\na\nEOF\n").contains("unknown instruction 'a'"));
  CHECK(heredocs("RUN [\"<<EOF\"]\n").empty());
}

TEST_CASE("here-documents of one line follow each other") {
  const std::vector<Heredoc> found = heredocs("COPY <<X <<Y /dest\nY\nX\nX\nY\n");
  REQUIRE(found.size() == 2);
  CHECK(found[0].content == "Y\n");
  CHECK(found[1].content == "X\n");
}

TEST_CASE("a here-document is as it stands: comments, escapes and empty lines too") {
  CHECK(heredocs("RUN <<EOF\n# a\n\nb \\\nEOF\n")[0].content == "# a\n\nb \\\n");
  CHECK(heredocs("RUN <<EOF\r\na\r\nEOF\r\n")[0].content == "a\r\n");
}

TEST_CASE("<<- takes the tabs at the beginning of lines away, also before its end") {
  const std::vector<Heredoc> found = heredocs("RUN <<-EOF\n\t\ta\n b\tc\n\n\tEOF\n");
  CHECK(found[0].content == "a\n b\tc\n\n");
  CHECK(heredocs("RUN <<EOF\n\ta\nEOF")[0].content == "\ta\n");
}

TEST_CASE("a here-document without an end is an error at its beginning") {
  const Result<Containerfile> file =
      parse_containerfile(SourceText("Containerfile", "FROM a\nRUN cat <<EOF\nhello\n EOF\n"));
  REQUIRE_FALSE(file);
  CHECK(file.error().message() ==
        "Containerfile:2:9: the here-document 'EOF' has no end\n"
        "    2 | RUN cat <<EOF\n"
        "      |         ^~~~~");
  CHECK(file.error().hint_text().contains("'EOF'"));
}

TEST_CASE("a here-document and its instruction have their places") {
  const std::string text = "FROM a\nRUN <<EOF\nhello\nEOF\nRUN b\n";
  const Containerfile file = parsed(text);
  const Heredoc& heredoc = file.instructions[1].heredocs[0];
  CHECK(text.substr(heredoc.span.begin, heredoc.span.length) == "<<EOF");
  CHECK(text.substr(file.instructions[1].span.begin, file.instructions[1].span.length) ==
        "RUN <<EOF\nhello\nEOF");
  CHECK(file.instructions[2].location.line == 5);
}

TEST_CASE("RUN says whether a here-document is all that it runs") {
  CHECK(last<RunInstruction>("RUN <<EOF\nEOF\n").runs_heredoc);
  CHECK_FALSE(last<RunInstruction>("RUN <<EOF sh\nEOF\n").runs_heredoc);
  CHECK_FALSE(last<RunInstruction>("RUN make\n").runs_heredoc);
}

TEST_CASE("a here-document that the quotes of the line take away is refused") {
  const std::string message =
      "this here-document has no content: quotes or braces of the line do not end before it";
  CHECK(refused("RUN <<E${x") == message);
  CHECK(refused("RUN <<E${x\na\nE${x\n") == message);
  CHECK(refused("RUN --mount=type=cache,target=${x <<EOF\na\nEOF\n") == message);
  CHECK(refused("RUN --network=none\\ <<EOF") == "--network of RUN cannot be 'none <<EOF'");
  CHECK(refused("COPY <<E${x /y") == message);
  CHECK(refusal("# escape=`\nFROM a\nRUN --mount=type=tmpfs,target=/x\\ <<EOF\na\nEOF\n").contains(message));
  CHECK(parse_trigger("RUN <<E${x", "ONBUILD of 'base'").error().message().contains(message));
}

TEST_CASE("RUN runs the here-document of its script, whatever its flags look like") {
  const Containerfile file =
      parsed("# escape=`\nFROM a\nRUN --mount=type=tmpfs,target=/x` <<A <<B\na\nA\nb\nB\n");
  REQUIRE(file.instructions[1].heredocs.size() == 1);
  CHECK(file.instructions[1].heredocs[0].content == "b\n");
}

TEST_CASE("the here-documents of COPY are those among its sources") {
  const Containerfile file =
      parsed("FROM a\nCOPY --chmod=600 <<one.txt b <<'two.txt' /c/\n1\none.txt\n2\ntwo.txt\n");
  const Instruction& copy = file.instructions.back();
  CHECK(texts(copy.as<TransferInstruction>()->sources) == Names{"b"});
  REQUIRE(copy.heredocs.size() == 2);
  CHECK(copy.heredocs[0].name == "one.txt");
  CHECK(copy.heredocs[1].content == "2\n");
  CHECK_FALSE(copy.heredocs[1].expand);
}

TEST_CASE("the destination of COPY is no here-document") {
  CHECK(refused("COPY /foo <<EOF\nEOF") == "a here-document cannot be the destination of COPY");
}

TEST_CASE("ONBUILD keeps the here-documents of its instruction") {
  CHECK(last<OnBuildInstruction>("ONBUILD RUN <<EOF sh\necho\nEOF\n").trigger == "RUN <<EOF sh\necho\nEOF");
}

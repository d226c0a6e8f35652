#include "recipes/containerfile/lexer.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/arguments.hpp"
#include "recipes/containerfile/heredoc.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr std::size_t k_text_limit = 4 * 1024 * 1024;
constexpr std::size_t k_instruction_limit = 200'000;
constexpr std::string_view k_directives[] = {"check", "escape", "syntax"};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// RUN, COPY and ADD take here-documents unless they are in exec form, and so does ONBUILD before them.
bool takes_heredocs(std::string_view line) {
  Keyword keyword = split_keyword(line);
  if (to_lower(keyword.name) == "onbuild") keyword = split_keyword(line, keyword.arguments);
  const std::string name = to_lower(keyword.name);
  return (name == "run" || name == "copy" || name == "add") && line.contains("<<");
}

class Lexer {
public:
  explicit Lexer(const SourceText& source) : m_source(source), m_text(source.text()) {}

  Result<LexedText> lex() {
    if (m_text.starts_with("\xEF\xBB\xBF")) m_at = 3;
    if (m_text.substr(m_at).starts_with("#!")) (void)next_line();
    while (m_at < m_text.size()) TRY(lex_line());
    return std::move(m_result);
  }

private:
  struct Line {
    std::size_t begin = 0;
    std::size_t end = 0;  // without its line end
  };

  Line next_line() {
    const std::size_t begin = m_at;
    const std::size_t newline = std::min(m_text.find('\n', begin), m_text.size());
    m_at = std::min(newline + 1, m_text.size());
    std::size_t end = newline;
    while (end > begin && m_text[end - 1] == '\r') --end;
    return {begin, end};
  }
  /// Within the line only: a file of nothing but line ends takes no longer than others.
  std::size_t skip_space_in(const Line& line, std::size_t at) const {
    return at + skip_space(m_text.substr(at, line.end - at), 0);
  }
  std::string_view text(const Line& line) const { return m_text.substr(line.begin, line.end - line.begin); }

  Result<> lex_line() {
    Line line = next_line();
    line.begin = skip_space_in(line, line.begin);
    const bool is_comment = line.begin < line.end && m_text[line.begin] == '#';
    if (is_comment) return lex_comment(line);
    m_directives_end = true;
    if (line.begin == line.end) return {};

    LogicalLine logical;
    logical.comments = std::move(m_comments);
    m_comments.clear();
    join(line, logical);
    TRY(trim(line, logical));
    TRY(check_text(logical));
    TRY(read_heredocs(logical));
    if (m_result.lines.size() >= k_instruction_limit) {
      return std::unexpected(diagnose(m_source, logical.span,
                                      "a containerfile has at most 200,000 instructions", ErrorKind::limit));
    }
    m_result.lines.push_back(std::move(logical));
    return {};
  }

  Result<> lex_comment(const Line& line) {
    if (TRY(lex_directive(line)) == Found::yes) return {};
    m_directives_end = true;
    const std::string_view comment = ecrin::trim(text(line).substr(1));
    if (comment.empty()) {
      m_comments.clear();  // a comment that ends here is not about what follows
    } else {
      m_comments.emplace_back(comment);
    }
    return {};
  }

  enum class Found { no, yes };

  /// "# name=value", only at the top, before any other comment.
  Result<Found> lex_directive(const Line& line) {
    if (m_directives_end) return Found::no;
    std::size_t at = skip_space_in(line, line.begin + 1);
    const std::size_t name_begin = at;
    while (at < line.end && is_letter_or_digit(m_text[at])) ++at;
    const std::string name = to_lower(m_text.substr(name_begin, at - name_begin));
    at = skip_space_in(line, at);
    if (at == line.end || m_text[at] != '=') return Found::no;
    const std::size_t begin = skip_space_in(line, at + 1);
    const std::string_view value = ecrin::trim(m_text.substr(begin, line.end - begin));
    const bool known =
        std::find(std::begin(k_directives), std::end(k_directives), name) != std::end(k_directives);
    if (value.empty() || !known) return Found::no;

    const Span span{line.begin, line.end - line.begin};
    for (const Directive& earlier : m_result.directives) {
      if (earlier.name != name) continue;
      return std::unexpected(
          diagnose(m_source, span, fmt::format("the parser directive '{}' may stand only once", name)));
    }
    if (name == "escape") {
      if (value != "\\" && value != "`") {
        return std::unexpected(
            diagnose(m_source, {begin, value.size()},
                     fmt::format("the escape character is \\ or `, not '{}'", printable(value, 40))));
      }
      m_result.escape = value[0];
    }
    m_result.directives.push_back({.name = name, .value = std::string(value), .span = span});
    return Found::yes;
  }

  /// Takes the escape character at the end of a line away: then the next line goes on with it.
  bool take_continuation(Line& line) const {
    std::size_t end = line.end;
    while (end > line.begin && (m_text[end - 1] == ' ' || m_text[end - 1] == '\t')) --end;
    if (end == line.begin || m_text[end - 1] != m_result.escape) return false;
    if (end - 1 > line.begin && m_text[end - 2] == m_result.escape) return false;
    line.end = end - 1;
    return true;
  }

  void join(Line line, LogicalLine& logical) {
    logical.span.begin = line.begin;
    bool goes_on = true;
    for (;;) {
      std::size_t last = line.end;
      goes_on = take_continuation(line);
      if (line.end > line.begin) {
        logical.pieces.push_back({.at = logical.text.size(), .source = line.begin});
        logical.text += text(line);
        last = line.end;
      }
      logical.span.length = last - logical.span.begin;
      if (!goes_on) return;
      // Comments and empty lines amid continuation lines are as if they were not there.
      for (;;) {
        if (m_at >= m_text.size()) return;
        line = next_line();
        const std::size_t begin = skip_space_in(line, line.begin);
        if (begin == line.end) {
          logical.empty_lines.push_back({line.begin, line.end - line.begin});
        } else if (m_text[begin] != '#') {
          break;
        }
      }
    }
  }

  Result<> trim(const Line& first, LogicalLine& logical) {
    const std::size_t begin = skip_space(logical.text, 0);
    if (begin >= logical.text.size()) {
      return std::unexpected(diagnose(m_source, {first.begin, first.end - first.begin},
                                      "an escape character stands here, and no instruction"));
    }
    logical.text.resize(trimmed_end(logical.text, begin));
    if (begin == 0) return {};
    // White space at the beginning of the first lines that are not empty: "\" and then "  RUN make".
    logical.text.erase(0, begin);
    std::vector<LogicalLine::Piece> pieces;
    for (LogicalLine::Piece piece : logical.pieces) {
      if (piece.at < begin) {
        piece.source += begin - piece.at;
        piece.at = begin;
        pieces.clear();
      }
      piece.at -= begin;
      pieces.push_back(piece);
    }
    logical.pieces = std::move(pieces);
    return {};
  }

  Result<> check_text(const LogicalLine& logical) const {
    if (const std::size_t zero = logical.text.find('\0'); zero != std::string::npos) {
      return std::unexpected(diagnose(m_source, logical.place(zero, zero + 1),
                                      "a containerfile is text, and here is byte 0x00"));
    }
    if (is_valid_utf8(logical.text)) return {};
    std::size_t at = 0;
    while (at < logical.text.size()) {
      std::size_t length = 1;
      while (length <= 4 && !is_valid_utf8(std::string_view(logical.text).substr(at, length))) ++length;
      if (length > 4) break;
      at += length;
    }
    return std::unexpected(
        diagnose(m_source, logical.place(at, at + 1), "an instruction is UTF-8, and this byte is not"));
  }

  Result<> read_heredocs(LogicalLine& logical) {
    if (!takes_heredocs(logical.text)) return {};
    if (TRY(is_exec_form(m_source, logical, m_result.escape)) == ExecForm::yes) return {};
    for (HeredocMark& mark : find_heredoc_marks(logical.text)) {
      Heredoc heredoc{.name = std::move(mark.name),
                      .content = {},
                      .expand = mark.expand,
                      .span = logical.place(mark.begin, mark.end)};
      TRY(read_heredoc(heredoc, mark.strip_tabs, logical));
      logical.heredocs.push_back(std::move(heredoc));
    }
    return {};
  }

  /// Neither a script nor a text can hold NUL characters.
  Result<> check_body(Span body) const {
    const std::size_t zero = m_source.text(body).find('\0');
    if (zero == std::string_view::npos) return {};
    return std::unexpected(
        diagnose(m_source, {body.begin + zero, 1}, "a here-document is text, and here is byte 0x00")
            .hint("copy a file that holds it, or let a RUN write it: printf '\\000'"));
  }

  Result<> read_heredoc(Heredoc& heredoc, bool strip_tabs, LogicalLine& logical) {
    const std::size_t begin = m_at;
    while (m_at < m_text.size()) {
      const Line line = next_line();
      std::string_view end = text(line);
      if (strip_tabs) end.remove_prefix(std::min(end.find_first_not_of('\t'), end.size()));
      if (end != heredoc.name) continue;
      const Span body{begin, line.begin - begin};
      TRY(check_body(body));
      heredoc.content = m_source.text(body);
      if (strip_tabs) heredoc.content = strip_leading_tabs(heredoc.content);
      logical.span.length = line.end - logical.span.begin;
      return {};
    }
    return std::unexpected(
        diagnose(m_source, heredoc.span,
                 fmt::format("the here-document '{}' has no end", printable(heredoc.name, 80)))
            .hint(fmt::format("write a line with nothing but '{}' after its last line",
                              printable(heredoc.name, 80))));
  }

  const SourceText& m_source;
  std::string_view m_text;
  std::size_t m_at = 0;
  bool m_directives_end = false;
  std::vector<std::string> m_comments;
  LexedText m_result;
};

}  // namespace

Result<LexedText> lex_containerfile(const SourceText& source) {
  if (source.text().size() > k_text_limit) {
    return fail(ErrorKind::limit, "containerfile '{}' is larger than 4 MiB", printable(source.file()));
  }
  return Lexer(source).lex();
}

}  // namespace ecrin::recipes::containerfile

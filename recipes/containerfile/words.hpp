// Words of a Containerfile: quotes, escapes and variables become plain text, as docker's shell words do.
//
//   'text' "text" \c         quoting; within "..." only \" \$ and \\ are escapes
//   $NAME ${NAME}            the value; nothing for a variable that is not set
//   ${NAME:-word}  :+ :?     by whether there is a value that is not empty; without ':' by whether it is set
//   ${NAME#pat} ## % %%      without the shortest, longest start or end that fits
//   ${NAME/pat/text} //      the first, every longest piece that fits becomes the text
//
// Pure text to text, bounded in the text that comes out and in the work of patterns.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::recipes::containerfile {

/// The value; nullptr: not set.
using VariableLookup = std::function<const std::string*(std::string_view name)>;

/// What all expansions of one file together may still do; it shrinks.
struct ExpansionBudget {
  std::size_t text = std::size_t{16} << 20;  // bytes out of variables
  std::size_t work = std::size_t{1} << 27;   // bytes that are moved about; what patterns look at counts more
};
Result<> spend_text(ExpansionBudget& budget, std::size_t bytes);
Result<> spend_work(ExpansionBudget& budget, std::size_t characters);

struct WordRules {
  char escape = '\\';
  bool quotes = true;  // false: they are text (here-documents)
};

struct ExpandedWord {
  std::string text;
  std::vector<std::string> words;      // the text cut at white space that is not quoted
  std::vector<std::string> undefined;  // variables without a value, as often as they are named
};

/// The message of an error has no place: the caller knows where the word stands.
Result<ExpandedWord> expand_word(std::string_view word, const VariableLookup& lookup, const WordRules& rules,
                                 ExpansionBudget& budget);

}  // namespace ecrin::recipes::containerfile

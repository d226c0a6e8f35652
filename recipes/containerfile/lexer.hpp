// The text of a Containerfile as logical lines: parser directives, comments, continuation lines and
// here-documents are understood here; what an instruction's arguments mean is not.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "recipes/containerfile/logical_line.hpp"
#include "recipes/diagnostics.hpp"

namespace ecrin::recipes::containerfile {

struct LexedText {
  std::vector<Directive> directives;
  char escape = '\\';
  std::vector<LogicalLine> lines;
};

Result<LexedText> lex_containerfile(const SourceText& source);

}  // namespace ecrin::recipes::containerfile

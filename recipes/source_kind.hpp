// What a source of ADD (or of anything that takes files and URLs) is, by its text. One rule for both
// languages, the linters, the writers and the build, so that none of them asks for a checksum that another
// one does not.
#pragma once

#include <string_view>

namespace ecrin::recipes {

enum class SourceKind {
  path,  // of the context, a stage or an image: a file, an archive, a directory, a glob
  url,   // http:// or https://
  git    // git://, ssh://, user@host:path, or the http(s) URL of a repository: its path ends with .git
};
SourceKind kind_of_source(std::string_view text);

/// http:// or https://, in any case. Also where repositories are not meant: root file systems, mirrors.
bool is_web_url(std::string_view text);
/// "scheme" of "scheme://..." or ""
std::string_view url_scheme(std::string_view text);

}  // namespace ecrin::recipes

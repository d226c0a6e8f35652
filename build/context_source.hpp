// ContextSource: where the files of a build come from: what stands as CONTEXT, and as VALUE of
// --build-context. Directories are used where they are; archives, downloads and repositories are unpacked
// into the store's temporary directory, which goes with its last user.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.hpp"
#include "build/git_fetch.hpp"
#include "build/workshop.hpp"

namespace ecrin::build {

struct ContextSource {
  enum class Kind { path, url, git, image, oci_layout };
  Kind kind = Kind::path;
  std::string location;   // as given: a directory or file, a URL, an image's name, the directory of a layout
  std::string reference;  // oci_layout: which image; "" = the only one
  GitSource git;          // git
  bool is_image() const { return kind == Kind::image || kind == Kind::oci_layout; }
};
/// What a context may be: an http(s) URL, a git repository, else a path.
Result<ContextSource> parse_context(std::string_view text);
/// What a named context may be: also docker-image://NAME (docker://NAME), oci-layout://DIRECTORY
/// (oci:DIRECTORY) with :TAG or @DIGEST.
Result<ContextSource> parse_named_context(std::string_view text);

/// A directory with the files, or, where docker takes one in place of a context, the text of a recipe.
struct ContextFiles {
  std::string directory;            // absolute; "" = there is only the text
  std::optional<std::string> text;  // of a recipe
  bool is_temporary = false;
  std::shared_ptr<const void> remover;
};
struct ContextAccess {
  GitOptions git;
  std::map<std::string, std::string> proxies;
};
/// Not for images. `is_named`: a file that is no archive is the one file "context", not a recipe.
enum class ContextUse { main, named };
Result<ContextFiles> open_context(Workshop& workshop, const ContextSource& source, ContextUse use,
                                  const ContextAccess& access, const CancelToken* cancel);
/// The image of an OCI layout, brought into the store.
Result<oci::ImageRecord> import_layout(Workshop& workshop, const ContextSource& source,
                                       const oci::Platform& platform);
/// Standard input: an archive, or a recipe's text.
Result<ContextFiles> read_context(Workshop& workshop, Fd input, const CancelToken* cancel);

}  // namespace ecrin::build

// Where `ecrin build` finds its context when that is no directory: standard input, an archive, a URL or a git
// repository; and what --build-context names.
#pragma once

#include <optional>
#include <string>

#include "base/cancel.hpp"
#include "build/build.hpp"
#include "cli/arguments.hpp"
#include "cli/recipe_file.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

/// The options that say what contexts there are and how they are reached.
Result<> read_context_options(const Arguments& arguments, const Environment& environment,
                              build::BuildOptions& options);

/// Unpacks or fetches the context `operand` when it is not a directory or recipe on this machine, and then
/// sets the options that name it. Empty: it is one. Opens the store only when there is something to unpack.
Result<std::optional<build::ContextFiles>> open_context_operand(Session& session, const std::string& operand,
                                                                build::BuildOptions& options,
                                                                const CancelToken& cancel);

/// The recipe in an unpacked context that is called `name`: nothing in it leads outside.
Result<RecipeSource> find_recipe_inside(const build::ContextFiles& files, const std::string& file,
                                        const std::string& name);

}  // namespace ecrin::cli

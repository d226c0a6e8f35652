// Files without a name: they go with their last descriptor, also when we are killed, unless they get a name
// once it is known what they are.
#pragma once

#include <string>

#include "base/fd.hpp"

namespace ecrin {

/// For reading and writing, on the file system of `directory`.
Result<Fd> nameless_file(const Fd& directory);
/// Gives it a name that nothing has yet, on the same file system. Not every file system can: the file stays
/// as it was then.
Result<> give_name(const Fd& file, const Fd& directory, const std::string& name);

}  // namespace ecrin

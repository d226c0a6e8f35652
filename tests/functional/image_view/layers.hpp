// Random layers for the image file system, and what programs see of a tree.
#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace ecrin::tests {

/// <directory>/0/diff is the bottom layer, <directory>/1/diff the next. With hard links, whiteouts, opaque
/// directories, odd names, xattrs, owners, and directories that become files and the other way round.
Result<> make_random_layers(const std::string& directory, unsigned seed, int count);

/// <layer>/wide/<0...>/<0...>: `files` in each directory with their number in them, the further `names` are
/// hard links to those.
Result<> make_wide_layer(const std::string& layer, int directories, int files, int names);

/// A sorted line for each file: path, type, mode, owner, links, size and blocks (not of directories), time,
/// xattrs, target or the hash of the content, and the first path of a hard link. Names that are listed and
/// are not there do not count: the kernel shows whiteouts where only one layer has the directory. Times from
/// `since` on are told as "new".
Result<std::vector<std::string>> describe_tree(const std::string& root, time_t since);

}  // namespace ecrin::tests

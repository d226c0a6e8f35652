// Tar archives on disk, compressed or not, told by their bytes and not by their names, as docker does.
#pragma once

#include <memory>
#include <span>

#include "base/fd.hpp"
#include "base/stream.hpp"

namespace ecrin::build {

/// Is this the first block of a tar? Every kind of tar has a checksum there. Nothing but zeros is none.
bool begins_tar(std::span<const std::byte> block);

enum class FileContent { archive, other };
/// Of a regular file, from its beginning.
Result<FileContent> content_of(const Fd& file);

/// The plain tar of an archive. What it unpacks to is bounded (expansion_limit).
Result<std::unique_ptr<Source>> open_archive(const Fd& file);

}  // namespace ecrin::build

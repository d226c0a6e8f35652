// ImageTrace: what programs used of an image (image_usage.hpp) with the state that it had for them. Another
// image in which all of it has the same state gives the same programs the same answers.
//
// State is what stat(2), readlink(2) and getxattr(2) tell: type, mode, owner, links, device, size, time, link
// target, attributes; the content of files that were read; the names and types in directories that were
// listed. The time of a directory counts only for who asked for it: every new file in it changes that, and
// nearly nobody looks. Links and size of a directory are the same for all (fs/fuse/image_view.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "fs/fuse/image_usage.hpp"
#include "fs/fuse/image_view.hpp"

namespace ecrin::fs {

/// Paths that begin with this are of no image: whoever put them into a trace compares them himself.
inline constexpr std::string_view k_other_tree = "//";

struct TracedPath {
  std::string path;       // "usr/bin/env"; "" is the root
  bool is_there = false;  // all that follows is empty where it is not
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t links = 0;  // 0 for directories
  std::uint64_t device = 0;
  std::uint64_t size = 0;    // of regular files
  std::int64_t seconds = 0;  // of modification; of a directory, if has_time
  std::uint32_t nanoseconds = 0;
  bool has_time = false;  // of a directory: somebody asked for it
  // Digests, 16 bytes; "" where there is nothing of the kind, or nobody asked.
  std::string target;  // of a symlink
  std::string xattrs;
  std::string content;  // of a file that was read
  std::string names;    // of a directory that was listed
  std::string link_of;  // the first path here that is a hard link of the same file
  bool operator==(const TracedPath&) const = default;
};

/// Sorted by path.
using ImageTrace = std::vector<TracedPath>;

/// The digest of a file's content, 16 bytes. Who gives it may remember those of layers.
using ContentDigest = std::function<Result<std::string>(const ImageView& view, NodeId file)>;
/// Reads the file.
Result<std::string> content_digest(const ImageView& view, NodeId file);

/// The type (S_IFMT) of what the upper side of the overlay in which the programs ran has of this path; 0:
/// nothing.
using UpperType = std::function<std::uint32_t(const std::string& path)>;
/// What was written over counts too: a new file with the content of the old one is no change (UpperTree), so
/// whether there is one depends on content that nobody read. And whether a directory was copied up says who
/// asked for its time (ImageUsage::Asked).
Result<ImageTrace> trace_usage(const ImageUsage& usage, ImageView& view, const ContentDigest& digest,
                               const UpperType& upper, const CancelToken* cancel = nullptr);

/// What has another state in `view` than in the trace, as people read it ("usr/include/stdio.h: its
/// content"); at most `limit`. Empty: the programs would see no difference.
Result<std::vector<std::string>> trace_differences(const ImageTrace& trace, ImageView& view,
                                                   const ContentDigest& digest, std::size_t limit = 1,
                                                   const CancelToken* cancel = nullptr);

std::string encode_trace(const ImageTrace& trace);
/// Nothing: damaged, or of another version.
std::optional<ImageTrace> decode_trace(std::string_view bytes);

}  // namespace ecrin::fs

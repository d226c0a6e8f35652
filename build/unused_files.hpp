// Which files of an image nothing was seen to read: neither the steps that came after them nor the containers
// that ran.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "fs/fuse/image_trace.hpp"

namespace ecrin::build {

/// What was used of the tree of an image's first layers. What a layer above has is another file.
struct LayersTrace {
  const fs::ImageTrace* trace = nullptr;
  std::size_t layers = 0;
};

struct UnusedFiles {
  struct Sum {
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;  // hard links are one
  };
  struct Place {
    std::string path;  // "usr/bin/perl", or a directory of which nothing was read, "usr/share/doc/"; "": all
    Sum sum;
  };
  Sum all;                    // regular files, as the whole image shows them
  Sum unused;                 // of these
  std::vector<Place> places;  // all that is unused and has bytes, each once; those with most bytes first
};

/// `layers`: absolute paths of the image's layer directories, bottom first.
Result<UnusedFiles> find_unused_files(const std::vector<std::string>& layers,
                                      const std::vector<LayersTrace>& traces,
                                      const CancelToken* cancel = nullptr);

}  // namespace ecrin::build

// Which of the images that a file lists is meant. Internal to oci/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "oci/image_files.hpp"
#include "oci/image_source.hpp"
#include "oci/platform.hpp"
#include "oci/reference.hpp"

namespace ecrin::oci {

struct ImageChoice {
  std::string reference;  // a name, a tag or a digest of the file's; "" = the only one, or all with `all`
  bool all = false;
  Platform platform = Platform::host();  // where an image has one entry a platform
};

/// An image as a file lists it, before it is read.
struct Candidate {
  std::vector<std::string> labels;  // its names, as the file writes them
  std::vector<Reference> names;     // those that are full names
  std::vector<Digest> digests;      // by which it may be asked for
};

/// The numbers of those that are meant, at least one; more than one only with `all`.
Result<std::vector<std::size_t>> choose_images(const ImageFiles& files,
                                               const std::vector<Candidate>& candidates,
                                               const ImageChoice& choice);

/// An image of a file, opened, with the full names that the file gives it.
struct FileImage {
  std::unique_ptr<ImageSource> source;
  std::vector<Reference> names;
};

}  // namespace ecrin::oci

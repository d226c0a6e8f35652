// An image of a container: what was written to its tree is a layer on the image that it was made from, and
// what it was told on the command line is in the image's settings.
#pragma once

#include <string>
#include <vector>

#include "cli/containers/selection.hpp"
#include "oci/image_store.hpp"

namespace ecrin::cli {

struct CommitOptions {
  std::vector<oci::Reference> names;
  std::int64_t epoch = 0;  // the image's time; files that are newer get it
  std::string author;
  std::vector<std::string> changes;  // in Containerfile words
};
Result<oci::ImageRecord> commit_container(build::Workshop& workshop, const run::StoredContainer& record,
                                          const CommitOptions& options, const CancelToken& cancel);

}  // namespace ecrin::cli

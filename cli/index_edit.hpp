// What the verbs of `ecrin manifest` share: an index changed in place of the one that its name meant, and the
// flags that say what stands in an entry.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "oci/image_store.hpp"

namespace ecrin::cli {

/// The index that `name` means; an image or an artifact is an error.
Result<oci::ImageRecord> find_index(oci::ImageStore& images, const std::string& name);

using IndexChange = std::function<Result<>(oci::ImageIndex& index)>;

/// Reads the index, changes it and gives its names to the result; once more when another process was faster.
Result<oci::ImageRecord> edit_index(oci::ImageStore& images, const std::string& name,
                                    const IndexChange& change);
/// Makes an index that is empty but for the change; conflict when the name means something.
Result<oci::ImageRecord> create_index(oci::ImageStore& images, const oci::Reference& name,
                                      const IndexChange& change);
/// Edits the index of this name, or makes it where there is none. An image of this name is an error. Of
/// several processes that find none, one makes it, and the others edit that one.
Result<oci::ImageRecord> create_or_edit_index(oci::ImageStore& images, const oci::Reference& name,
                                              const IndexChange& change);

/// Stores the bytes of an index of our own, safe from a power cut.
Result<oci::Descriptor> store_index(oci::ImageStore& images, const oci::ImageIndex& index);

/// The flags that say what stands in an entry: --annotation, --arch, --os ...
std::vector<Flag> entry_flags();
Result<> apply_entry_flags(oci::Descriptor& entry, const Arguments& arguments);

}  // namespace ecrin::cli

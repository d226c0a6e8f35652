// What the verbs of `ecrin manifest` share: entries made of what the user names, and an index changed in
// place of the one that its name meant.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "oci/image_store.hpp"

namespace ecrin::cli {

/// The index that `name` means; an image or an artifact is an error.
Result<oci::ImageRecord> find_index(oci::ImageStore& images, const std::string& name);

/// Reads the index, changes it and gives its names to the result; once more when another process was faster.
Result<oci::ImageRecord> edit_index(oci::ImageStore& images, const std::string& name,
                                    const std::function<Result<>(oci::ImageIndex& index)>& change);

/// Stores the bytes of an index of our own, safe from a power cut.
Result<oci::Descriptor> store_index(oci::ImageStore& images, const oci::ImageIndex& index);

/// What an index needs to list `words`: an image with its platform, an artifact; of an index all entries
/// (`all`) or this machine's.
enum class Entries { all, one };
Result<std::vector<oci::Descriptor>> entries_of(oci::ImageStore& images, const std::string& words,
                                                Entries entries);

/// The flags that say what stands in an entry: --annotation, --arch, --os ...
std::vector<Flag> entry_flags();
Result<> apply_entry_flags(oci::Descriptor& entry, const Arguments& arguments);

}  // namespace ecrin::cli

// What the user names becomes entries of an index: images of the store, and images that lie elsewhere, which
// come into the store first.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"
#include "oci/descriptor.hpp"
#include "oci/transport_name.hpp"

namespace ecrin::cli {

/// --all, --quiet and those of the registries, with a verb's own.
std::vector<Flag> with_entry_source_flags(std::vector<Flag> own);

/// The operands from number `first` on, as the places that they are. Before the store is opened.
Result<std::vector<oci::TransportName>> entry_sources(const Arguments& arguments, std::size_t first);

/// What an index needs to list `sources`: an image with its platform, an artifact; of an index all entries
/// (--all) or this machine's. What is not in the store is copied into it, as a part of the index to be.
Result<std::vector<oci::Descriptor>> obtain_entries(Session& session, const Arguments& arguments,
                                                    const std::vector<oci::TransportName>& sources,
                                                    const Interrupts& interrupts);

}  // namespace ecrin::cli

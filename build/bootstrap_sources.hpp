// Where packages for `from: {bootstrap: ...}` come from: the recipe's mirror, else this host's own apt
// sources for the same suite, else what mmdebstrap knows by itself. The readers of apt's formats are pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::build {

/// One `deb` line (sources.list(5)).
struct AptSource {
  std::string uri;
  std::string suite;
  std::vector<std::string> components;
  std::string signed_by;  // path of a keyring; "" = apt's own
  bool operator==(const AptSource&) const = default;
};

/// The one-line format. Lines that are not understood are skipped: the host's file is not ours to check.
std::vector<AptSource> parse_sources_list(std::string_view text);
/// The deb822 format of *.sources; a stanza with several URIs or suites gives several entries.
std::vector<AptSource> parse_deb822_sources(std::string_view text);

/// Those for the suite and its updates and security suites, and only of an archive that has the suite itself.
std::vector<AptSource> sources_for_suite(const std::vector<AptSource>& all, std::string_view suite);
std::string format_sources_list(const std::vector<AptSource>& sources);

/// The text of sources.list for this bootstrap; "" = mmdebstrap's own defaults. Reads /etc/apt.
Result<std::string> bootstrap_sources(const recipes::FromBootstrap& bootstrap);

}  // namespace ecrin::build

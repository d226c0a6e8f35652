// Targets and outline of a Containerfile, as its text has them: no base is looked at, so triggers and
// variables of bases do not count. A value that cannot be told without them is shown as it is written.
#pragma once

#include "recipes/containerfile/lower.hpp"
#include "recipes/outline.hpp"

namespace ecrin::recipes::containerfile {

/// `options.base_config` is not used.
Result<std::vector<OutlineTarget>> list_targets(const Containerfile& file, const SourceText& source,
                                                const LowerOptions& options);

/// Of the target and the stages that it needs. Arguments before the first FROM stand in it, all of them; in
/// stages those that are not taken over from there or from the platform.
Result<Outline> outline(const Containerfile& file, const SourceText& source, const LowerOptions& options);

}  // namespace ecrin::recipes::containerfile

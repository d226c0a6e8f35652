// --cache-from and --cache-to: the words of docker buildx ("type=registry,ref=HOST/NAME:TAG,mode=max") and of
// buildah ("HOST/NAME") become places of shared caches.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "build/build.hpp"
#include "cli/registries.hpp"

namespace ecrin::cli {

/// What one of the two flags says.
struct CacheWords {
  std::string reference;  // in a registry, full and with a tag; "" = a directory
  std::string directory;  // absolute
  std::string tag;        // in the directory
  bool all_steps = false;
  bool mounts = false;
  bool ignore_error = false;
  oci::LayerCompression compression;
  std::string name() const;  // for people
};
enum class CacheFlag { from, to };
Result<CacheWords> parse_cache(std::string_view text, CacheFlag flag);

struct CacheRequests {
  std::vector<CacheWords> from;
  std::vector<CacheWords> to;
};
Result<CacheRequests> parse_caches(const Arguments& arguments);

/// The flags, for a verb's declaration.
std::vector<Flag> cache_flags();

/// Puts them into the options. What it refers to must outlive them.
void add_caches(build::BuildOptions& options, const CacheRequests& requests, Session& session,
                build::Workshop& workshop, oci::RegistryImages& registries, ProgressKind progress);

}  // namespace ecrin::cli

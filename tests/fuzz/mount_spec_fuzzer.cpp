// -v, --mount, --tmpfs and --device, and the mounts of a RUN step: places in the container are absolute and
// do not climb, whatever was typed.
#include "cli/mount_spec.hpp"

#include "build/git_source.hpp"
#include "recipes/mount_options.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using ecrin::fuzz::require;

namespace {

bool climbs(std::string_view path) {
  return (std::string(path) + "/").contains("/../");
}

void check(const Result<cli::MountSpec>& spec) {
  if (spec) require(spec->destination.starts_with('/') && !climbs(spec->destination));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check(cli::parse_volume(text));
  check(cli::parse_mount(text));
  check(cli::parse_tmpfs(text));
  check(cli::parse_device(text));
  if (const auto options = recipes::split_mount_options(text)) {
    (void)recipes::check_mount_options(*options);
    (void)recipes::make_mount(*options);
  }
  for (const auto forms : {build::GitForms::distinguishable, build::GitForms::context}) {
    const auto source = build::parse_git_source(text, forms);
    if (!source || !*source) continue;
    // Neither is a flag for git, and the directory is inside of what it fetches.
    require(!(*source)->remote.starts_with('-') && !(*source)->reference.starts_with('-'));
    require(!(*source)->subdirectory.starts_with('/') && !climbs("/" + (*source)->subdirectory));
    (void)build::display_remote(**source);
  }
  return 0;
}

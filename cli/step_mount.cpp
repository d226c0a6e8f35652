#include "base/text.hpp"
#include "cli/working_steps.hpp"
#include "recipes/mount_options.hpp"

namespace ecrin::cli {
namespace {

Result<recipes::Mount> read_mount(std::string_view text) {
  recipes::Mount mount = TRY(recipes::make_mount(TRY(recipes::split_mount_options(text))));
  if (mount.type != recipes::Mount::Type::ssh) return mount;
  return fail(ErrorKind::unsupported, "a step of 'run --into' has no ssh-agent");
}

}  // namespace

Result<recipes::Mount> parse_step_mount(std::string_view text) {
  return TRY_WHILE(read_mount(text), "reading --mount '{}'", printable(text));
}

}  // namespace ecrin::cli

// verb: exists
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  oci::ImageStore* images = TRY(session.images());
  const auto found = images->find_any(arguments.operands().front());
  if (found) return 0;
  if (found.error().kind() == ErrorKind::not_found) return 1;
  return std::unexpected(Failure(found.error()));
}

}  // namespace

const Verb& exists_verb() {
  static const Verb verb{
      .name = "exists",
      .operands = "IMAGE",
      .summary = "Is there such an image? Exit code 0 or 1",
      .details = "Also 'ecrin image exists'. Prints nothing.",
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

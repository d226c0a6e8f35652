// verb: config
#include <algorithm>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/config_changes.hpp"
#include "cli/image_edit.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<Flag> flags = config_flags();
  if (std::ranges::none_of(flags, [&](const Flag& flag) { return arguments.has(flag.name); }))
    return std::unexpected(Error(ErrorKind::invalid, "nothing to change")
                               .hint("'ecrin help config' lists the settings; 'ecrin inspect' shows them"));
  const EditTarget target = TRY(edit_target(session, arguments));
  oci::ImageStore* images = TRY(session.images());
  const oci::Image image = TRY(open_image(*images, arguments.operands().front()));
  const oci::ConfigChanges changes = TRY(config_changes(arguments, image.config));
  return finish_edit(*images, TRY(oci::reconfigure(image, changes, target.created)), target);
}

}  // namespace

const Verb& config_verb() {
  static const Verb verb{
      .name = "config",
      .operands = "IMAGE",
      .summary = "Make an image with other settings out of one",
      .details =
          "The layers stay. An empty value ('') takes a setting away. The new image's ID is printed; without "
          "-t it "
          "has no name.",
      .flags = edit_flags(config_flags()),
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// verb: config
#include <algorithm>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/config_changes.hpp"
#include "cli/image_edit.hpp"
#include "cli/session.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

// A working container of this name is meant before an image.
Result<std::optional<build::WorkingContainer>> find_container(Session& session, const std::string& name) {
  Store& store = TRY(session.images())->blobs().store();
  TRY(build::WorkingContainers::migrate(store.database()));
  return build::WorkingContainers(store).get(name);
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<Flag> flags = config_flags();
  if (std::ranges::none_of(flags, [&](const Flag& flag) { return arguments.has(flag.name); }))
    return std::unexpected(Error(ErrorKind::invalid, "nothing to change")
                               .hint("'ecrin help config' lists the settings; 'ecrin inspect' shows them"));
  if (const auto container = TRY(find_container(session, arguments.operands().front()))) {
    build::BuildOptions options = TRY(step_options(session));
    const auto steps_for = [&](const build::WorkingContainer& locked) {
      return config_steps(arguments, locked);
    };
    return put_steps(session, arguments, container->name, steps_for, std::move(options));
  }
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
      .operands = "IMAGE|CONTAINER",
      .summary = "Make an image with other settings out of one",
      .details =
          "The layers stay. An empty value ('') takes a setting away. The new image's ID is printed; without "
          "-t it "
          "has no name. The settings of a working container ('ecrin from') become steps of it.",
      .flags = edit_flags(config_flags()),
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

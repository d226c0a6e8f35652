// verb: squash
#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_edit.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

// The first layer that goes into the new one, 0 at the bottom.
Result<std::size_t> first_layer(oci::ImageStore& images, const oci::Image& image, const std::string& from) {
  const std::size_t count = image.config.diff_ids.size();
  if (from.empty()) return std::size_t{0};
  if (from.find_first_not_of("0123456789") == std::string::npos) {
    const auto number = parse_unsigned(from, count);
    if (!number || *number == 0)
      return fail(ErrorKind::invalid, "there is no layer {}: the image has {}", printable(from), count);
    return static_cast<std::size_t>(*number) - 1;
  }
  const oci::Image base = TRY(open_image(images, from));
  if (oci::common_layers(image.config, base.config) != base.config.diff_ids.size())
    return fail(ErrorKind::invalid, "the image is not built on '{}': its lowest layers are others",
                printable(from));
  return base.config.diff_ids.size();
}

Outcome run(Session& session, const Arguments& arguments) {
  const EditTarget target = TRY(edit_target(session, arguments));
  const std::string& name = arguments.operands().front();
  build::Workshop* workshop = TRY(session.workshop());
  const Interrupts interrupts;
  const auto squashed = [&]() -> Result<oci::NewImage> {
    const oci::Image image = TRY(open_image(workshop->images(), name));
    const std::size_t first = TRY(first_layer(workshop->images(), image, arguments.value("from")));
    if (first == image.config.diff_ids.size())
      return fail(ErrorKind::invalid, "there is no layer to squash: the image has {}", first);
    const oci::NewLayer layer = TRY(build::squash_layers(*workshop, image, first, &interrupts.token()));
    return oci::replace_layers(image, first, layer, target.created);
  }();
  if (!squashed) return std::unexpected(Error(squashed.error()).context("squashing " + printable(name)));
  return finish_edit(workshop->images(), *squashed, target);
}

}  // namespace

const Verb& squash_verb() {
  static const Verb verb{
      .name = "squash",
      .operands = "IMAGE",
      .summary = "Make an image with one layer out of one with several",
      .details = "The tree stays the same, the history too. The new image's ID is printed.",
      .flags = edit_flags(
          {{.name = "from",
            .value = "LAYER|IMAGE",
            .help = "squash only from this layer on (1 is the lowest), or what is above this image",
            .completion = Completion::image}}),
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

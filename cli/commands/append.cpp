// verb: append
#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_edit.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const EditTarget target = TRY(edit_target(session, arguments));
  const std::vector<std::string>& words = arguments.operands();
  const bool from_scratch = words.front() == "scratch";
  oci::Platform platform = oci::Platform::host();
  if (const auto text = arguments.find("platform")) {
    if (!from_scratch)
      return std::unexpected(Error(ErrorKind::invalid, "--platform is for images from scratch")
                                 .hint("'ecrin config --arch' changes what an image says of itself"));
    platform = TRY(oci::Platform::parse(*text));
  }
  build::Workshop* workshop = TRY(session.workshop());
  const Interrupts interrupts;
  const auto appended = [&]() -> Result<oci::NewImage> {
    const oci::Image image =
        from_scratch ? oci::empty_image(platform) : TRY(open_image(workshop->images(), words.front()));
    std::vector<oci::NewLayer> layers;
    for (std::size_t i = 1; i < words.size(); ++i) {
      layers.push_back(TRY_WHILE(build::add_layer_file(*workshop, words[i], &interrupts.token()),
                                 "making a layer of '{}'", printable(words[i])));
    }
    return oci::append_layers(image, layers, target.created);
  }();
  if (!appended) return std::unexpected(appended.error());
  return finish_edit(workshop->images(), *appended, target);
}

}  // namespace

const Verb& append_verb() {
  static const Verb verb{
      .name = "append",
      .operands = "IMAGE|scratch LAYER.tar...",
      .summary = "Put tar archives on top of an image as layers",
      .details =
          "An archive may be compressed with gzip or zstd; its bytes become the layer as they are. 'scratch' "
          "is an "
          "image without layers. The new image's ID is printed.",
      .flags = edit_flags({{.name = "platform",
                            .value = "OS/ARCH",
                            .help = "what an image from scratch is for; default: this machine"}}),
      .least_operands = 2,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

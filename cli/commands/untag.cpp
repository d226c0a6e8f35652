// verb: untag
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  oci::ImageStore* images = TRY(session.images());
  const oci::ImageRecord record = TRY(find_image(*images, words.front()));
  std::vector<std::string> names;
  for (std::size_t index = 1; index < words.size(); ++index) {
    const auto name = meant_name(record, words[index]);
    if (!name) {
      return std::unexpected(
          Error(ErrorKind::not_found,
                fmt::format("'{}' is not a name of image {}", printable(words[index]), short_id(record.id)))
              .hint("its names are " + join(record.names, ", ")));
    }
    names.push_back(*name);
  }
  if (words.size() == 1) names = record.names;
  for (const std::string& name : names) TRY(images->untag(TRY(oci::Reference::parse(name))));
  return 0;
}

}  // namespace

const Verb& untag_verb() {
  static const Verb verb{
      .name = "untag",
      .operands = "IMAGE [NAME...]",
      .summary = "Take names from an image",
      .details =
          "Without NAME all names are taken away. The image itself stays until 'ecrin rmi' or 'ecrin prune'.",
      .least_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

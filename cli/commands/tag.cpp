// verb: tag
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  std::vector<oci::Reference> names;
  for (std::size_t index = 1; index < words.size(); ++index)
    names.push_back(TRY(parse_new_name(words[index])));
  oci::ImageStore* images = TRY(session.images());
  const oci::ImageRecord record = TRY(find_any_image(*images, words.front()));
  for (const oci::Reference& name : names) TRY(images->tag(record.manifest, name));
  return 0;
}

}  // namespace

const Verb& tag_verb() {
  static const Verb verb{
      .name = "tag",
      .operands = "IMAGE NAME...",
      .summary = "Give an image more names",
      .details =
          "A NAME without a registry gets 'localhost', one without a tag gets 'latest'. A name that another "
          "image "
          "has moves to this one.",
      .least_operands = 2,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

#include "cli/image_edit.hpp"

#include "base/text.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/timestamp.hpp"

namespace ecrin::cli {

std::vector<Flag> edit_flags(std::vector<Flag> own) {
  std::vector<Flag> flags = {
      {.name = "tag",
       .letter = 't',
       .value = "NAME",
       .help = "a name for the new image",
       .occurs = Occurs::often},
      {.name = "timestamp",
       .value = "SECONDS",
       .help = "the new image's time: seconds since 1970, or 'now'; default: SOURCE_DATE_EPOCH, else 0"},
  };
  flags.insert(flags.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
  return flags;
}

Result<EditTarget> edit_target(Session& session, const Arguments& arguments) {
  EditTarget target;
  for (const std::string& name : arguments.values("tag")) target.names.push_back(TRY(parse_new_name(name)));
  std::int64_t created = TRY(source_date_epoch(session.environment())).value_or(0);
  if (const auto timestamp = TRY(requested_timestamp(arguments)))
    created = timestamp->seconds.value_or(session.now());
  target.created = format_time(created);
  return target;
}

Outcome finish_edit(oci::ImageStore& images, const oci::NewImage& image, const EditTarget& target) {
  const oci::ImageRecord record = TRY(oci::store_image(images, image, target.names));
  print_line(record.id.digest.to_string());
  return 0;
}

Result<oci::Image> open_image(oci::ImageStore& images, const std::string& words) {
  return images.load(TRY(find_image(images, words)).manifest);
}

}  // namespace ecrin::cli

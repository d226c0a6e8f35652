// verb: rmi
#include <algorithm>

#include "base/text.hpp"
#include "build/garbage.hpp"
#include "build/working_containers.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

// A working container cannot do without its base; with --force it goes, too.
Result<> free_from_containers(oci::ImageStore& images, const oci::ImageRecord& record, bool force) {
  build::WorkingContainers containers(images.blobs().store());
  for (const std::string& name : TRY(containers.based_on(record.manifest.to_string()))) {
    if (!force) {
      return std::unexpected(
          Error(ErrorKind::conflict,
                fmt::format("image {} is the base of working container '{}'", short_id(record.id), name))
              .hint(fmt::format("remove that first: ecrin rm {}; or give -f", name)));
    }
    const FileLock lock = TRY(containers.lock(name, nullptr));
    TRY(containers.remove(name));
  }
  return {};
}

Result<> remove_image(oci::ImageStore& images, const oci::ImageRecord& record, bool force) {
  TRY(free_from_containers(images, record, force));
  TRY(images.remove(record.manifest));
  for (const std::string& name : record.names) print_line("Untagged: " + name);
  print_line("Deleted: " + record.id.digest.hex());
  return {};
}

// By name: the name goes, and the image with its last one. By ID: the image goes, with all names only if
// forced.
Result<> remove_one(oci::ImageStore& images, const std::string& words, bool force) {
  auto found = find_any_image(images, words);
  if (!found && found.error().kind() == ErrorKind::not_found && force) return {};
  const oci::ImageRecord record = TRY(std::move(found));
  const auto name = meant_name(record, words);
  if (name && record.names.size() > 1) {
    TRY(images.untag(TRY(oci::Reference::parse(*name))));
    print_line("Untagged: " + *name);
    return {};
  }
  if (!name && record.names.size() > 1 && !force) {
    return std::unexpected(
        Error(ErrorKind::conflict,
              fmt::format("image {} has several names: {}", short_id(record.id), join(record.names, ", ")))
            .hint("remove a name, or give -f to remove the image with all its names"));
  }
  return remove_image(images, record, force);
}

Outcome run(Session& session, const Arguments& arguments) {
  const bool all = arguments.on("all");
  const bool force = arguments.on("force");
  if (all == !arguments.operands().empty()) {
    return std::unexpected(
        Error(ErrorKind::invalid, all ? "--all takes no names" : "'ecrin rmi' needs IMAGE... or --all"));
  }
  build::Workshop* workshop = TRY(session.workshop(Store::Purpose::freeing));
  oci::ImageStore& images = workshop->images();
  // One image that is missing must not keep the others: the first error is told at the end, the rest as it
  // comes.
  std::optional<Error> first_error;
  const auto keep_going = [&](Result<> result) {
    if (result) return;
    if (first_error) {
      session.console().print("error: " + result.error().message());
    } else {
      first_error = std::move(result).error();
    }
  };
  if (all) {
    for (const oci::ImageRecord& record : TRY(images.list_all())) {
      // Gone already with the index that it came with.
      if (!images.find_any(record.manifest.to_string())) continue;
      keep_going(remove_image(images, record, force));
    }
  } else {
    for (const std::string& words : arguments.operands()) keep_going(remove_one(images, words, force));
  }
  // What only these images held goes now; the build cache keeps what it has.
  TRY(build::prune(*workshop, {.images = false, .all_images = false, .cache = false, .blobs = false}));
  if (first_error) {
    const int code = first_error->kind() == ErrorKind::not_found  ? 1
                     : first_error->kind() == ErrorKind::conflict ? 2
                                                                  : 125;
    return std::unexpected(Failure(*std::move(first_error), code));
  }
  return 0;
}

}  // namespace

const Verb& rmi_verb() {
  static const Verb verb{
      .name = "rmi",
      .operands = "IMAGE...",
      .summary = "Remove names and images",
      .details =
          "A name is taken from its image; an image goes with its last name. An image given by ID goes when "
          "it has at "
          "most one name, or with -f.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "remove all images"},
              {.name = "force",
               .letter = 'f',
               .value = "",
               .help = "remove an ID with all its names, and working containers made from it; ignore what is "
                       "missing"},
          },
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

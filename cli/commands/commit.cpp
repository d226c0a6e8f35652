// verb: commit
#include "base/atomic_file.hpp"
#include "base/text.hpp"
#include "build/working_mounts.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/table.hpp"
#include "cli/timestamp.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  build::BuildOptions options = TRY(step_options(session));
  for (std::size_t i = 1; i < words.size(); ++i) options.tags.push_back(TRY(parse_new_name(words[i])));
  if (const auto timestamp = TRY(requested_timestamp(arguments))) {
    options.current_time = timestamp->now;
    options.epoch = timestamp->seconds;
  }
  if (arguments.on("squash")) options.squash = build::Squash::all;
  const Interrupts interrupts;
  build::Workshop* workshop = TRY(session.workshop());
  build::WorkingContainers containers(workshop->store());
  const auto committed = [&]() -> Result<oci::ImageRecord> {
    const NamedLock lock = TRY(containers.lock(words.front(), &interrupts.token()));
    build::WorkingContainer container = TRY(containers.need(words.front()));
    TRY(build::settle_mount(*workshop, container, {.epoch = options.epoch.value_or(0), .now = options.now},
                            interrupts.token()));
    oci::ImageRecord record = TRY(build::commit_container(*workshop, container, options, interrupts.token()));
    if (arguments.on("rm")) TRY(containers.remove(container.name));
    return record;
  }();
  if (!committed) return std::unexpected(committed.error());
  const std::string id = committed->id.digest.to_string();
  if (const auto file = arguments.find("iidfile")) TRY(write_file_atomically(*file, id));
  print_line(id);
  return 0;
}

}  // namespace

const Verb& commit_verb() {
  static const Verb verb{
      .name = "commit",
      .operands = "CONTAINER [NAME...]",
      .summary = "Make an image of a working container",
      .details =
          "The image is the one that a recipe with the same steps gives; its ID is printed. The container "
          "stays and "
          "can grow on.",
      .flags =
          {
              {.name = "iidfile",
               .value = "FILE",
               .help = "write the image's ID to a file",
               .completion = Completion::file},
              {.name = "rm", .value = "", .help = "remove the container afterwards"},
              {.name = "squash", .value = "", .help = "make one layer of all"},
              {.name = "timestamp",
               .value = "SECONDS",
               .help = "the image's time: seconds since 1970, or 'now'; default: SOURCE_DATE_EPOCH, else 0"},
          },
      .least_operands = 1,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

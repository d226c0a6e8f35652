// verbs: volume create, volume exists, volume prune, volume rm
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/first_error.hpp"
#include "cli/key_values.hpp"
#include "cli/prompt.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/volume_filter.hpp"

namespace ecrin::cli {
namespace {

Outcome run_create(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  if (const std::string driver = arguments.value("driver", "local"); driver != "local")
    return std::unexpected(
        Error(ErrorKind::unsupported, fmt::format("there is no volume driver '{}'", printable(driver)))
            .hint("volumes are directories of the store: the driver local"));
  KeyValues labels = TRY(parse_key_values(arguments.values("label"), "label"));
  build::Volume volume{.name = words.empty() ? build::new_volume_name() : words.front(),
                       .created = session.now(),
                       .labels = std::move(labels),
                       .anonymous = false};
  build::Workshop* workshop = TRY(session.workshop());
  build::Volumes volumes = TRY(build::Volumes::open(workshop->store()));
  if (auto made = volumes.create(volume); !made) {
    const bool is_there = made.error().kind() == ErrorKind::conflict;
    if (!is_there || !arguments.on("ignore")) return std::unexpected(std::move(made).error());
  }
  print_line(volume.name);
  return 0;
}

Outcome run_exists(Session& session, const Arguments& arguments) {
  oci::ImageStore* images = TRY(session.images());
  build::Volumes volumes = TRY(build::Volumes::open(images->blobs().store()));
  return TRY(volumes.find(arguments.operands().front())) ? 0 : 1;
}

Outcome run_rm(Session& session, const Arguments& arguments) {
  const bool all = arguments.on("all");
  if (all == !arguments.operands().empty())
    return std::unexpected(Error(
        ErrorKind::invalid, all ? "--all takes no names" : "'ecrin volume rm' needs VOLUME... or --all"));
  build::Workshop* workshop = TRY(session.workshop(Store::Purpose::freeing));
  build::Volumes volumes = TRY(build::Volumes::open(workshop->store()));
  std::vector<std::string> names = arguments.operands();
  if (all) {
    for (build::Volume& volume : TRY(volumes.list())) names.push_back(std::move(volume.name));
  }
  FirstError errors(session.console());
  for (const std::string& name : names) {
    auto removed = volumes.remove(name);
    if (!removed && removed.error().kind() == ErrorKind::not_found && arguments.on("force")) continue;
    if (errors.done(std::move(removed))) print_line(name);
  }
  return std::move(errors).outcome({.not_found = 1, .conflict = 2});
}

Outcome run_prune(Session& session, const Arguments& arguments) {
  const VolumeFilter filter = TRY(VolumeFilter::parse(arguments.values("filter"), session.now()));
  if (!arguments.on("force") && !confirmed("This removes all volumes that no container has.")) return 0;
  build::Workshop* workshop = TRY(session.workshop(Store::Purpose::freeing));
  build::Volumes volumes = TRY(build::Volumes::open(workshop->store()));
  const build::Volumes::Pruned pruned =
      TRY(volumes.prune([&](const build::Volume& volume) { return filter.accepts(volume, {}); }));
  for (const std::string& name : pruned.names) print_line(name);
  print_line("Total reclaimed space: " + human_size(pruned.bytes));
  return 0;
}

}  // namespace

const Verb& volume_create_verb() {
  static const Verb verb{
      .name = "volume create",
      .operands = "[NAME]",
      .summary = "Make an empty volume",
      .details =
          "Its name is printed; without NAME one is made up. The first container that mounts it puts there "
          "what its image has at that place.",
      .flags =
          {
              {.name = "driver", .letter = 'd', .value = "DRIVER", .help = "local: a directory of the store"},
              {.name = "ignore", .value = "", .help = "a volume that is there already is no error"},
              {.name = "label",
               .letter = 'l',
               .value = "KEY[=VALUE]",
               .help = "a label, for filters",
               .occurs = Occurs::often},
          },
      .most_operands = 1,
      .run = run_create,
  };
  return verb;
}

const Verb& volume_exists_verb() {
  static const Verb verb{
      .name = "volume exists",
      .operands = "VOLUME",
      .summary = "Is there such a volume? Exit code 0 or 1",
      .details = "Prints nothing.",
      .least_operands = 1,
      .most_operands = 1,
      .run = run_exists,
  };
  return verb;
}

const Verb& volume_rm_verb() {
  static const Verb verb{
      .name = "volume rm",
      .operands = "VOLUME...",
      .summary = "Remove volumes with all that is in them",
      .details =
          "One that a container has, running or not, is never removed. The names are printed. Exit code 1: "
          "there is no such volume, 2: it is in use.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "remove all volumes"},
              {.name = "force", .letter = 'f', .value = "", .help = "ignore what is missing"},
          },
      .run = run_rm,
  };
  return verb;
}

const Verb& volume_prune_verb() {
  static const Verb verb{
      .name = "volume prune",
      .operands = "",
      .summary = "Remove all volumes that no container has",
      .details =
          "Named ones too. On a terminal it asks first. Filters: label=KEY[=VALUE], label!=KEY[=VALUE], "
          "until=AGE, name=PART, anonymous=true.",
      .flags =
          {
              {.name = "filter", .value = "KEY=VALUE", .help = "only what fits", .occurs = Occurs::often},
              {.name = "force", .letter = 'f', .value = "", .help = "do not ask"},
          },
      .most_operands = 0,
      .run = run_prune,
  };
  return verb;
}

}  // namespace ecrin::cli

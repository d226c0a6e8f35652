// verb: prune
#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/garbage.hpp"
#include "build/volumes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_filter.hpp"
#include "cli/image_mounts.hpp"
#include "cli/prompt.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

std::string question(const build::PruneOptions& options, bool volumes) {
  return fmt::format("This removes {}, the build cache{}{}.",
                     options.all_images ? "all images" : "images without a name",
                     options.blobs ? " and compressed copies of unpacked layers" : "",
                     volumes ? " and all volumes that no container has" : "");
}

Result<build::PruneOptions> parse_options(const Arguments& arguments, std::int64_t now) {
  build::PruneOptions options{.all_images = arguments.on("all"), .blobs = arguments.on("blobs")};
  for (const std::string& text : arguments.values("filter")) {
    const std::size_t equals = text.find('=');
    const std::string key = text.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (value.empty() || (key != "until" && key != "label" && key != "label!")) {
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("there is no --filter '{}' here", printable(text)))
              .hint("known are until=AGE, label=KEY[=VALUE] and label!=KEY[=VALUE]"));
    }
    if (key == "until")
      options.until = std::min(options.until.value_or(INT64_MAX), TRY(parse_moment(value, now)));
    else
      options.labels.push_back(parse_label_filter(value, key == "label"));
  }
  if (const auto age = arguments.find("keep"))
    options.used_since = now - TRY_WHILE(parse_age(*age), "reading --keep");
  if (const auto size = arguments.find("keep-storage"))
    options.keep_cache = TRY_WHILE(parse_size(*size), "reading --keep-storage");
  if (const auto size = arguments.find("max-size"))
    options.max_size = TRY_WHILE(parse_size(*size), "reading --max-size");
  return options;
}

Outcome run(Session& session, const Arguments& arguments) {
  const build::PruneOptions options = TRY(parse_options(arguments, session.now()));
  const bool volumes = arguments.on("volumes");
  if (!arguments.on("force") && !confirmed(question(options, volumes))) return 0;
  // A file system that is full may not let it happen: then the rest matters more.
  if (auto cleared = clear_dead_mounts(session); !cleared) log::debug("{}", cleared.error().message());
  build::Workshop* workshop = TRY(session.workshop(Store::Purpose::freeing));
  const build::PruneReport report = TRY(build::prune(*workshop, options));
  build::Volumes::Pruned removed;
  if (volumes) {
    build::Volumes store = TRY(build::Volumes::open(workshop->store()));
    removed = TRY(store.prune([&](const build::Volume& volume) {
      return build::has_labels(volume.labels, options.labels) &&
             volume.created < options.until.value_or(INT64_MAX);
    }));
  }
  for (const std::string& id : report.images) print_line("Deleted: " + id);
  for (const std::string& name : removed.names) print_line("Deleted: " + name);
  print_line(fmt::format(
      "images: {}, layers: {}, blobs: {}, cache entries: {}, failed steps: {}, downloads: {}, left-overs of "
      "dead processes: {}",
      report.images.size(), report.layers, report.blobs, report.cache_entries, report.kept_steps,
      report.downloads, report.leases));
  print_line("Total reclaimed space: " + human_size(report.bytes + removed.bytes));
  return 0;
}

}  // namespace

const Verb& prune_verb() {
  static const Verb verb{
      .name = "prune",
      .operands = "",
      .summary = "Remove what nothing needs: nameless images, build cache, left-overs",
      .details =
          "What a running build or container uses stays. On a terminal it asks first.\n\n"
          "Filters: until=AGE (only what came into the store, or was last used by a build, before that), "
          "label=KEY[=VALUE], label!=KEY[=VALUE] (only images that fit; the cache stays). Of the build cache "
          "the "
          "least recently used goes first when --keep, --keep-storage or --max-size let some of it stay.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "remove images that have names, too"},
              {.name = "blobs", .value = "", .help = "remove compressed copies of layers that are unpacked"},
              {.name = "filter",
               .value = "KEY=VALUE",
               .help = "only what fits: until=, label=, label!=",
               .occurs = Occurs::often},
              {.name = "force", .letter = 'f', .value = "", .help = "do not ask"},
              {.name = "keep",
               .value = "AGE",
               .help = "keep the cache that builds used within this time: 7d"},
              {.name = "keep-storage", .value = "SIZE", .help = "keep this much of the build cache: 2g"},
              {.name = "max-size",
               .value = "SIZE",
               .help = "remove only as much of the build cache as makes the store this small"},
              {.name = "volumes", .value = "", .help = "remove volumes that no container has, too"},
          },
      .most_operands = 0,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

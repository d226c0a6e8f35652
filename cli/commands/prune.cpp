// verb: prune
#include <stdio.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/garbage.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_mounts.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

bool confirmed(bool all, bool blobs) {
  ::fprintf(stderr, "This removes %s, the build cache%s.\nGo on? [y/N] ",
            all ? "all images" : "images without a name",
            blobs ? " and compressed copies of unpacked layers" : "");
  ::fflush(stderr);
  char answer[16] = "";
  return ::fgets(answer, sizeof answer, stdin) != nullptr && (answer[0] == 'y' || answer[0] == 'Y');
}

Outcome run(Session& session, const Arguments& arguments) {
  const bool all = arguments.on("all");
  const bool blobs = arguments.on("blobs");
  if (!arguments.on("force") && ::isatty(0) == 1 && !confirmed(all, blobs)) return 0;
  // A file system that is full may not let it happen: then the rest matters more.
  if (auto cleared = clear_dead_mounts(session); !cleared) log::debug("{}", cleared.error().message());
  build::Workshop* workshop = TRY(session.workshop(Store::Purpose::freeing));
  const build::PruneReport report =
      TRY(build::prune(*workshop, {.images = true, .all_images = all, .cache = true, .blobs = blobs}));
  for (const std::string& id : report.images) print_line("Deleted: " + id);
  print_line(
      fmt::format("images: {}, layers: {}, blobs: {}, cache entries: {}, left-overs of dead processes: {}",
                  report.images.size(), report.layers, report.blobs, report.cache_entries, report.leases));
  print_line("Total reclaimed space: " + human_size(report.bytes));
  return 0;
}

}  // namespace

const Verb& prune_verb() {
  static const Verb verb{
      .name = "prune",
      .operands = "",
      .summary = "Remove what nothing needs: nameless images, build cache, left-overs",
      .details = "What a running build or container uses stays. On a terminal it asks first.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "remove images that have names, too"},
              {.name = "blobs", .value = "", .help = "remove compressed copies of layers that are unpacked"},
              {.name = "force", .letter = 'f', .value = "", .help = "do not ask"},
          },
      .most_operands = 0,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

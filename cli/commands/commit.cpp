// verb: commit
#include "cli/containers/commit.hpp"
#include "base/atomic_file.hpp"
#include "base/text.hpp"
#include "build/working_mounts.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/removal.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/table.hpp"
#include "cli/timestamp.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

// none: there is no such container, and it may be a working container.
Result<std::optional<run::StoredContainer>> find_run_container(Session& session, const std::string& words) {
  auto record = TRY(Containers::open(session)).find(words);
  if (record) return std::move(*record);
  if (record.error().kind() == ErrorKind::not_found) return std::nullopt;
  return std::unexpected(record.error());
}

Outcome commit_run_container(Session& session, const run::StoredContainer& record,
                             const build::BuildOptions& build, const Arguments& arguments) {
  if (arguments.on("squash"))
    return std::unexpected(Error(ErrorKind::unsupported, "--squash is for working containers")
                               .hint("'ecrin squash' makes one layer of an image's"));
  CommitOptions options{
      .names = build.tags, .author = arguments.value("author"), .changes = arguments.values("change")};
  options.epoch = build.current_time ? build.now : build.epoch.value_or(0);
  const Interrupts interrupts;
  build::Workshop& workshop = *TRY(session.workshop());
  const auto committed = [&]() -> Result<oci::ImageRecord> {
    oci::ImageRecord image = TRY(commit_container(workshop, record, options, interrupts.token()));
    if (arguments.on("rm")) {
      Containers containers = TRY(Containers::open(workshop.store()));
      TRY(remove_container(containers, record, EndRunning::no, std::chrono::seconds(0)));
    }
    return image;
  }();
  if (!committed) return std::unexpected(committed.error());
  const std::string id = committed->id.digest.to_string();
  if (const auto file = arguments.find("iidfile")) TRY(write_file_atomically(*file, id));
  print_line(id);
  return 0;
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  build::BuildOptions options = TRY(step_options(session));
  for (std::size_t i = 1; i < words.size(); ++i) options.tags.push_back(TRY(parse_new_name(words[i])));
  if (const auto timestamp = TRY(requested_timestamp(arguments))) {
    options.current_time = timestamp->now;
    options.epoch = timestamp->seconds;
  }
  if (const auto record = TRY(find_run_container(session, words.front())))
    return commit_run_container(session, *record, options, arguments);
  for (const char* flag : {"author", "change"}) {
    if (arguments.has(flag))
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("--{} is for containers of 'ecrin run'", flag))
              .hint("'ecrin config' and 'ecrin run --into' change working containers"));
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
      .summary = "Make an image of a container",
      .details =
          "Of a working container it is the image that a recipe with the same steps gives. Of a container of "
          "'ecrin run', which may run on meanwhile, what was written to its tree becomes a layer on its "
          "image, "
          "and what it was told (variables, command, user ...) the image's settings. The image's ID is "
          "printed. "
          "The container stays.",
      .flags =
          {
              {.name = "author",
               .letter = 'a',
               .value = "TEXT",
               .help = "who made the image; not of a working container"},
              {.name = "change",
               .letter = 'c',
               .value = "INSTRUCTION",
               .help = "a setting of the image, like 'CMD /bin/sh'; not of a working container",
               .occurs = Occurs::often},
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

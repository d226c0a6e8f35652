// verb: from
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/registries.hpp"
#include "cli/table.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

constexpr int k_name_tries = 10'000;

Result<> list_containers(Session& session, const Arguments& arguments) {
  Store& store = TRY(session.images())->blobs().store();
  TRY(build::WorkingContainers::migrate(store.database()));
  const auto containers = TRY(build::WorkingContainers(store).list());
  std::vector<Json> rows;
  std::vector<std::vector<std::string>> cells;
  for (const build::WorkingContainer& container : containers) {
    const std::string since = time_ago(container.created, session.now());
    const std::string last = container.steps.empty() ? "" : printable(container.steps.back().text, 60);
    rows.push_back({{"Name", container.name},
                    {"Image", printable(container.image)},
                    {"Base", container.base},
                    {"Created", container.created},
                    {"CreatedSince", since},
                    {"Steps", container.steps.size()},
                    {"LastStep", last}});
    cells.push_back(
        {container.name, printable(container.image), since, std::to_string(container.steps.size()), last});
  }
  if (const std::string format = arguments.value("format"); !format.empty())
    return print_formatted(format, rows);
  if (arguments.on("quiet")) {
    for (const auto& row : cells) print_line(row.front());
    return {};
  }
  print(format_table({"NAME", "IMAGE", "CREATED", "STEPS", "LAST STEP"}, cells, Heading::shown));
  return {};
}

// "debian-working-container", as buildah calls them.
std::string base_name(const std::string& image) {
  std::string name = image.substr(0, image.find('@'));
  name = name.substr(name.rfind('/') + 1);
  name = name.substr(0, name.find(':'));
  name += "-working-container";
  return build::is_container_name(name) ? name : "working-container";
}

// A name that is free, or the user's.
Result<std::string> add_named(build::WorkingContainers& containers, build::WorkingContainer& container,
                              const std::optional<std::string>& wanted) {
  if (wanted) {
    container.name = *wanted;
    TRY(containers.add(container));
    return container.name;
  }
  const std::string base = base_name(container.image);
  const std::vector<std::string> there = TRY(containers.names());
  const std::set<std::string> taken(there.begin(), there.end());
  for (int number = 0; number < k_name_tries; ++number) {
    container.name = number == 0 ? base : fmt::format("{}-{}", base, number);
    if (taken.contains(container.name)) continue;
    // Another one may have been faster.
    auto added = containers.add(container);
    if (added) return container.name;
    if (added.error().kind() != ErrorKind::conflict) return std::unexpected(std::move(added).error());
  }
  return std::unexpected(Error(ErrorKind::limit, fmt::format("all names like '{}-1' are taken", base))
                             .hint("give one: ecrin from --name NAME"));
}

Outcome run(Session& session, const Arguments& arguments) {
  const bool lists = arguments.on("list");
  if (lists == !arguments.operands().empty())
    return std::unexpected(
        Error(ErrorKind::invalid, lists ? "--list takes no image" : "'ecrin from' needs IMAGE, or --list"));
  if (lists) {
    TRY(list_containers(session, arguments));
    return 0;
  }
  const auto name = arguments.find("name");
  if (name && !build::is_container_name(*name))
    return std::unexpected(Error(
        ErrorKind::invalid, fmt::format("'{}' is no name for a container: it has letters, digits, '_', '.' "
                                        "and '-', at most 200",
                                        printable(*name))));
  build::BuildOptions options = TRY(step_options(session));
  if (const auto platform = arguments.find("platform"))
    options.platform = TRY(oci::Platform::parse(*platform));
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::Workshop* workshop = TRY(session.workshop());
  options.obtain_image =
      image_obtainer(session, *workshop, *registries, TRY(pull_policy(arguments, "pull")),
                     arguments.on("quiet") ? ProgressKind::quiet : ProgressKind::automatic);
  build::WorkingContainers containers(workshop->store());
  const auto made = [&]() -> Result<std::string> {
    build::WorkingContainer container =
        TRY(build::start_container(*workshop, arguments.operands().front(), options, interrupts.token()));
    return add_named(containers, container, name);
  }();
  if (!made) return std::unexpected(made.error());
  print_line(*made);
  return 0;
}

}  // namespace

const Verb& from_verb() {
  static const Verb verb{
      .name = "from",
      .operands = "[IMAGE]",
      .summary = "Begin an image step by step: make a working container",
      .details =
          "Prints the container's name. IMAGE may be 'scratch'. 'ecrin run --into', 'copy-into' and 'config' "
          "put "
          "steps on it, 'ecrin commit' makes an image of it, 'ecrin rm' removes it.",
      .flags = with_flags(
          {
              {.name = "format", .value = "FORMAT", .help = "of the list: json, or a template"},
              {.name = "list", .letter = 'l', .value = "", .help = "list the working containers"},
              {.name = "name",
               .value = "NAME",
               .help = "the container's name; default: IMAGE-working-container"},
              {.name = "platform",
               .value = "OS/ARCH",
               .help = "the image's platform; default: this machine's"},
              {.name = "pull",
               .value = "WHEN",
               .help = "missing (default), always, newer or never",
               .completion = Completion::word,
               .words = {"missing", "always", "newer", "never"}},
              {.name = "quiet",
               .letter = 'q',
               .value = "",
               .help = "say nothing while an image is pulled; names only"},
          },
          registry_flags()),
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// verb: pull
#include "base/text.hpp"
#include "build/unpacking_destination.hpp"
#include "cli/commands/commands.hpp"
#include "cli/registries.hpp"
#include "cli/table.hpp"
#include "oci/endpoints.hpp"

namespace ecrin::cli {
namespace {

struct Request {
  build::PullOptions options;
  ProgressKind progress = ProgressKind::automatic;
  bool all_tags = false;
};

Result<Request> read_request(const Arguments& arguments) {
  Request request;
  request.options.policy =
      arguments.has("policy") ? TRY(pull_policy(arguments, "policy")) : build::PullPolicy::always;
  request.options.all_platforms = arguments.on("all-platforms");
  if (const auto platform = arguments.find("platform")) {
    if (request.options.all_platforms)
      return fail(ErrorKind::invalid, "--platform and --all-platforms exclude each other");
    request.options.platform = TRY(oci::Platform::parse(*platform));
  }
  request.progress =
      arguments.on("quiet") ? ProgressKind::quiet : TRY(parse_progress(arguments.value("progress", "auto")));
  request.all_tags = arguments.on("all-tags");
  return request;
}

/// From a file or a directory: `copy` into the store, unpacked on the way.
Result<oci::ImageRecord> pull_local(build::Workshop& workshop, const oci::TransportName& from,
                                    const Request& request, oci::CopyObserver& observer,
                                    const Interrupts& interrupts) {
  const oci::EndpointContext context{.images = workshop.images(),
                                     .platform = request.options.platform,
                                     .tools = {},
                                     .registry_source = {},
                                     .registry_destination = {}};
  const auto source = TRY(oci::open_source(from, context));
  std::vector<oci::Reference> names;
  if (const auto name = oci::Reference::parse(from.reference); name && !name->registry.empty())
    names.push_back(name->with_default_tag());
  const auto destination = build::make_unpacking_destination(workshop, std::move(names));
  oci::CopyOptions copy;
  copy.all = request.options.all_platforms;
  copy.platform = request.options.platform;
  const oci::RawManifest copied =
      TRY(oci::copy_image(*source, *destination, copy, observer, &interrupts.token()));
  return destination->recorded(copied.digest);
}

Result<std::vector<oci::Reference>> names_to_pull(oci::RegistryImages& registries, const std::string& words,
                                                  const Request& request, const Interrupts& interrupts) {
  oci::Reference name = TRY(parse_registry_name(words));
  if (!request.all_tags) return std::vector{name};
  if (!name.tag.empty() || name.digest)
    return fail(ErrorKind::invalid, "--all-tags takes a name without a tag, not '{}'", printable(words));
  std::vector<oci::Reference> names;
  for (std::string& tag : TRY(registries.list_tags(name, &interrupts.token()))) {
    names.push_back(name);
    names.back().tag = std::move(tag);
  }
  if (names.empty()) return fail(ErrorKind::not_found, "'{}' has no tags", printable(words));
  return names;
}

Outcome run(Session& session, const Arguments& arguments) {
  const Request request = TRY(read_request(arguments));
  std::vector<oci::TransportName> sources;
  for (const std::string& words : arguments.operands()) {
    sources.push_back(TRY(oci::TransportName::parse(words)));
    if (sources.back().transport == oci::Transport::store) TRY(parse_registry_name(words));
  }
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::Workshop* workshop = TRY(session.workshop());
  const auto progress =
      make_transfer_progress(request.progress, session.console(), session.style(), steady_clock());
  const auto pull = [&](std::size_t number) -> Result<std::vector<oci::ImageRecord>> {
    const oci::TransportName& from = sources[number];
    const std::string& words = arguments.operands()[number];
    if (from.transport != oci::Transport::store && from.transport != oci::Transport::registry)
      return std::vector{TRY_WHILE(pull_local(*workshop, from, request, *progress, interrupts),
                                   "pulling '{}'", from.to_string())};
    std::vector<oci::ImageRecord> records;
    for (const oci::Reference& name : TRY(names_to_pull(*registries, words, request, interrupts))) {
      records.push_back(request.options.policy == build::PullPolicy::always
                            ? TRY(build::pull_image(*workshop, *registries, name, request.options, *progress,
                                                    &interrupts.token()))
                            : TRY(build::obtain_image(*workshop, *registries, name.to_string(),
                                                      request.options, *progress, &interrupts.token())));
    }
    return records;
  };
  for (std::size_t i = 0; i < sources.size(); ++i) {
    auto records = pull(i);
    if (!records) {
      progress->end();
      return std::unexpected(std::move(records).error());
    }
    for (const oci::ImageRecord& record : *records) print_line(record.id.digest.to_string());
  }
  progress->end();
  return 0;
}

}  // namespace

const Verb& pull_verb() {
  static const Verb verb{
      .name = "pull",
      .operands = "IMAGE...",
      .summary = "Get images from a registry",
      .details =
          "Layers are downloaded, checked and unpacked at the same time; what the store has is not "
          "downloaded "
          "again, and an interrupted pull goes on where it was. IMAGE may also be one of another transport: "
          "oci:DIR[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], dir:DIR, "
          "containers-storage:NAME.",
      .flags = with_flags(
          {
              {.name = "all-platforms", .value = "", .help = "an index with all its images"},
              {.name = "all-tags", .letter = 'a', .value = "", .help = "all tags of the repository"},
              {.name = "platform",
               .value = "OS/ARCH",
               .help = "which image of an index; default: this machine's"},
              {.name = "policy",
               .value = "WHEN",
               .help = "always (default), missing, newer or never",
               .completion = Completion::word,
               .words = {"always", "missing", "newer", "never"}},
              {.name = "progress",
               .value = "KIND",
               .help = "auto (default), tty, plain, json or quiet",
               .completion = Completion::word,
               .words = {"auto", "tty", "plain", "json", "quiet"}},
              {.name = "quiet", .letter = 'q', .value = "", .help = "print the IDs and errors only"},
          },
          registry_flags()),
      .least_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

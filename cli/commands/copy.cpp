// verb: copy
#include "oci/copy_image.hpp"

#include <unistd.h>

#include "base/atomic_file.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/registries.hpp"
#include "cli/table.hpp"
#include "oci/endpoints.hpp"

namespace ecrin::cli {
namespace {

struct Request {
  oci::TransportName source;
  oci::TransportName destination;
  oci::CopyOptions options;
  ProgressKind progress = ProgressKind::automatic;
};

// The registries of both ends; each has flags of its own.
struct Registries {
  std::unique_ptr<oci::RegistryImages> source;
  std::unique_ptr<oci::RegistryImages> destination;
};

Result<oci::TransportName> parse_place(const std::string& text) {
  oci::TransportName name = TRY(oci::TransportName::parse(text));
  // The working directory may be another one later.
  if (!name.path.empty() && name.path != "-") name.path = TRY(absolute_path(name.path));
  return name;
}

// All that can be wrong with the words comes out here, before the store is opened.
Result<Request> read_request(const Arguments& arguments) {
  Request request;
  request.source = TRY(parse_place(arguments.operands().at(0)));
  request.destination = TRY(parse_place(arguments.operands().at(1)));
  request.options.all = arguments.on("all");
  if (const auto platform = arguments.find("platform")) {
    if (request.options.all)
      return fail(ErrorKind::invalid, "--all copies all platforms: --platform cannot choose one of them");
    request.options.platform = TRY(oci::Platform::parse(*platform));
  }
  if (const auto compression = arguments.find("compression")) {
    request.options.compression = TRY(oci::LayerCompression::parse(*compression));
    request.options.repack = true;
  }
  if (const auto format = arguments.find("format"))
    request.options.format = *format == "oci" ? oci::ManifestFormat::oci : oci::ManifestFormat::docker;
  request.progress =
      arguments.on("quiet") ? ProgressKind::quiet : TRY(parse_progress(arguments.value("progress", "auto")));
  if (request.destination.path == "-" && ::isatty(1) == 1)
    return std::unexpected(Error(ErrorKind::invalid, "an archive is nothing for a terminal")
                               .hint("name a file, or redirect the output"));
  return request;
}

// Layers that a build made are directories: only inside the user namespace can they be read as their owners.
Result<oci::ImageStore*> open_images(Session& session, const Request& request) {
  if (request.source.transport != oci::Transport::store) return session.images();
  return &TRY(session.workshop())->images();
}

// Other programs with a store of their own must be told that this user namespace is the user's: that is what
// `podman unshare` does.
Result<oci::ContainersTools> containers_tools(Session& session, const Request& request) {
  oci::ContainersTools tools{.search_path = session.search_path(), .prefix = {}};
  if (request.source.transport != oci::Transport::store) return tools;
  const run::Identity& identity = *TRY(session.enter_namespace());
  if (identity.outer_uid != 0)
    tools.prefix = {"env", "_CONTAINERS_USERNS_CONFIGURED=done",
                    fmt::format("_CONTAINERS_ROOTLESS_UID={}", identity.outer_uid),
                    fmt::format("_CONTAINERS_ROOTLESS_GID={}", identity.outer_gid)};
  return tools;
}

// --src-creds is --creds for the source alone, and so on: as if the one end had been given on its own.
Result<std::unique_ptr<oci::RegistryImages>> open_side(Session& session, const Arguments& arguments,
                                                       std::string_view side, const Interrupts& interrupts) {
  static const Verb shared{
      .name = "copy", .operands = "", .summary = "", .details = "", .flags = registry_flags()};
  std::vector<std::string> words;
  for (const Flag& flag : shared.flags) {
    const std::string own = fmt::format("{}-{}", side, flag.name);
    const std::string name = arguments.has(own) ? own : std::string(flag.name);
    if (!arguments.has(name)) continue;
    const std::string value =
        flag.value.empty() ? (arguments.on(name) ? "true" : "false") : arguments.value(name);
    words.push_back(fmt::format("--{}={}", flag.name, value));
  }
  return open_registries(session, TRY(parse_arguments(shared, words)), interrupts);
}

Result<Registries> open_both(Session& session, const Arguments& arguments, const Request& request,
                             const Interrupts& interrupts) {
  Registries registries;
  if (request.source.transport == oci::Transport::registry)
    registries.source = TRY(open_side(session, arguments, "src", interrupts));
  if (request.destination.transport == oci::Transport::registry)
    registries.destination = TRY(open_side(session, arguments, "dest", interrupts));
  return registries;
}

oci::EndpointContext endpoint_context(oci::ImageStore& images, const Request& request,
                                      oci::ContainersTools tools, const Registries& registries,
                                      const CancelToken& cancel) {
  oci::EndpointContext context{
      .images = images, .platform = request.options.platform, .tools = std::move(tools)};
  context.registry_source = [&registries,
                             &cancel](const std::string& name) -> Result<std::unique_ptr<oci::ImageSource>> {
    return std::move(TRY(registries.source->find(TRY(oci::Reference::parse(name)), &cancel)).source);
  };
  context.registry_destination =
      [&registries, &cancel](const std::string& name) -> Result<std::unique_ptr<oci::ImageDestination>> {
    const oci::Reference to = TRY(oci::Reference::parse(name));
    if (to.registry.empty())
      return fail(ErrorKind::invalid, "'docker://{}' names no registry to copy to", printable(name));
    return registries.destination->destination(to.with_default_tag(), {}, &cancel);
  };
  return context;
}

Result<oci::RawManifest> copy(Session& session, const Arguments& arguments, Request& request,
                              const Interrupts& interrupts) {
  const CancelToken& cancel = interrupts.token();
  const Registries registries = TRY(open_both(session, arguments, request, interrupts));
  oci::ImageStore* images = TRY(open_images(session, request));
  const oci::EndpointContext context =
      endpoint_context(*images, request, TRY(containers_tools(session, request)), registries, cancel);
  const auto source = TRY(oci::open_source(request.source, context));
  const auto destination = TRY(oci::open_destination(request.destination, context));
  Fd scratch;
  if (request.options.compression) {
    scratch = TRY(images->blobs().store().temporary());
    request.options.scratch = &scratch;
  }
  const auto progress =
      make_transfer_progress(request.progress, session.console(), session.style(), steady_clock());
  auto copied = oci::copy_image(*source, *destination, request.options, *progress, &cancel);
  progress->end();
  return copied;
}

Outcome run(Session& session, const Arguments& arguments) {
  Request request = TRY(read_request(arguments));
  const std::string digest_file = arguments.value("digestfile");
  const Interrupts interrupts;
  auto copied = copy(session, arguments, request, interrupts);
  if (!copied) {
    return std::unexpected(std::move(copied).error().context(
        fmt::format("copying {} to {}", printable(request.source.to_string()),
                    printable(request.destination.to_string()))));
  }
  const std::string digest = copied->digest.to_string();
  if (!digest_file.empty()) TRY(write_file_atomically(digest_file, digest));
  if (request.destination.path != "-") print_line(digest);
  return 0;
}

}  // namespace

const Verb& copy_verb() {
  static const Verb verb{
      .name = "copy",
      .operands = "SOURCE DESTINATION",
      .summary = "Copy an image from anywhere to anywhere, without unpacking it",
      .details =
          "A place is a name in the store, or docker://NAME in a registry, oci:DIR[:NAME], "
          "oci-archive:FILE[:NAME], "
          "docker-archive:FILE[:NAME], dir:DIR or containers-storage:NAME. The digest is printed; it stays "
          "the "
          "same unless the layers or the format are changed.",
      .flags = with_flags(
          {
              {.name = "all",
               .letter = 'a',
               .value = "",
               .help = "an index with the images of all its platforms; default: one image"},
              {.name = "compression",
               .value = "FORMAT[:LEVEL]",
               .help =
                   "pack the layers with gzip, zstd or not at all (none); default: they stay as they are"},
              {.name = "dest-cert-dir",
               .value = "DIR",
               .help = "--cert-dir for the destination alone",
               .completion = Completion::directory},
              {.name = "dest-creds", .value = "USER[:PASSWORD]", .help = "--creds for the destination alone"},
              {.name = "dest-tls-verify", .value = "", .help = "--tls-verify for the destination alone"},
              {.name = "digestfile",
               .value = "FILE",
               .help = "write the digest of what was copied to this file",
               .completion = Completion::file},
              {.name = "format",
               .letter = 'f',
               .value = "FORMAT",
               .help = "the format of the manifest, oci or v2s2 (docker's); default: it stays as it is",
               .completion = Completion::word,
               .words = {"oci", "v2s2"}},
              {.name = "platform",
               .value = "OS/ARCH",
               .help = "which image to take out of an index; default: this machine's"},
              {.name = "progress",
               .value = "KIND",
               .help = "auto (default), tty, plain, json or quiet",
               .completion = Completion::word,
               .words = {"auto", "tty", "plain", "json", "quiet"}},
              {.name = "quiet", .letter = 'q', .value = "", .help = "only print the digest and errors"},
              {.name = "src-cert-dir",
               .value = "DIR",
               .help = "--cert-dir for the source alone",
               .completion = Completion::directory},
              {.name = "src-creds", .value = "USER[:PASSWORD]", .help = "--creds for the source alone"},
              {.name = "src-tls-verify", .value = "", .help = "--tls-verify for the source alone"},
          },
          registry_flags()),
      .least_operands = 2,
      .most_operands = 2,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// verb: push
#include "oci/registry/push_image.hpp"

#include "base/atomic_file.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/index_edit.hpp"
#include "cli/registries.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Result<std::optional<oci::LayerCompression>> read_compression(const Arguments& arguments) {
  if (!arguments.has("compression") && !arguments.has("compression-format") &&
      !arguments.has("compression-level"))
    return std::nullopt;
  std::string text = arguments.value("compression", arguments.value("compression-format", "zstd"));
  if (const auto level = arguments.find("compression-level")) {
    if (text.contains(':'))
      return fail(ErrorKind::invalid, "--compression says a level already, and --compression-level another");
    text += ":" + *level;
  }
  return TRY(oci::LayerCompression::parse(text));
}

Result<oci::PushOptions> read_options(const Arguments& arguments) {
  oci::PushOptions options;
  options.compression = TRY(read_compression(arguments));
  options.repack = arguments.on("force-compression");
  if (const auto platform = arguments.find("platform")) {
    options.all = false;
    options.platform = TRY(oci::Platform::parse(*platform));
  }
  if (const auto format = arguments.find("format"))
    options.format = *format == "v2s2" ? oci::ManifestFormat::docker : oci::ManifestFormat::oci;
  if (options.format == oci::ManifestFormat::docker && options.compression &&
      options.compression->format == Compression::zstd)
    return fail(ErrorKind::invalid, "docker's manifests (--format v2s2) have no zstd layers");
  return options;
}

// Where to: the second operand, or what the image is called.
Result<oci::Reference> destination(const oci::ImageRecord& record, const std::vector<std::string>& words) {
  std::string name = words.size() > 1 ? words[1] : "";
  if (name.empty()) {
    const auto meant = meant_name(record, words.front());
    if (!meant)
      return std::unexpected(
          Error(ErrorKind::invalid,
                fmt::format("'{}' is not a name: where shall it be pushed to?", printable(words.front())))
              .hint("ecrin push IMAGE REGISTRY/NAME:TAG"));
    name = *meant;
  }
  const oci::Reference to = TRY(parse_registry_name(name));
  if (to.registry.empty() || (words.size() < 2 && to.registry == "localhost")) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' names no registry", printable(name)))
            .hint(fmt::format("ecrin push {} REGISTRY/{}", printable(words.front()), to.repository)));
  }
  if (to.digest)
    return fail(ErrorKind::invalid, "cannot push to '{}': the digest follows from the image",
                printable(name));
  return to.with_default_tag();
}

enum class Wanted { anything, index };

Outcome push(Session& session, const Arguments& arguments, Wanted wanted) {
  const oci::PushOptions options = TRY(read_options(arguments));
  const ProgressKind kind =
      arguments.on("quiet") ? ProgressKind::quiet : TRY(parse_progress(arguments.value("progress", "auto")));
  const std::vector<std::string>& words = arguments.operands();
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::Workshop* workshop = TRY(session.workshop());
  const oci::ImageRecord record =
      TRY(wanted == Wanted::index ? find_index(workshop->images(), words.front())
                                  : find_any_image(workshop->images(), words.front()));
  const oci::Reference to = TRY(destination(record, words));
  const auto progress = make_transfer_progress(kind, session.console(), session.style(), steady_clock());
  auto pushed =
      oci::push_image(workshop->images(), *registries, record, to, options, *progress, &interrupts.token());
  progress->end();
  if (!pushed) {
    return std::unexpected(std::move(pushed).error().context(fmt::format("pushing '{}'", to.to_string())));
  }
  const std::string digest = pushed->digest.to_string();
  if (const auto file = arguments.find("digestfile")) TRY(write_file_atomically(*file, digest));
  print_line(digest);
  if (wanted == Wanted::index && (arguments.on("rm") || arguments.on("purge")))
    TRY(workshop->images().remove(TRY(find_index(workshop->images(), words.front())).manifest));
  return 0;
}

Outcome run(Session& session, const Arguments& arguments) {
  return push(session, arguments, Wanted::anything);
}

Outcome run_manifest(Session& session, const Arguments& arguments) {
  return push(session, arguments, Wanted::index);
}

std::vector<Flag> flags() {
  return with_flags(
      {
          {.name = "compression",
           .value = "FORMAT[:LEVEL]",
           .help = "of layers that are not packed: zstd (default), gzip or none"},
          {.name = "compression-format",
           .value = "FORMAT",
           .help = "the same, as podman has it",
           .completion = Completion::word,
           .words = {"zstd", "gzip", "none"}},
          {.name = "compression-level", .value = "LEVEL", .help = "1 to 22 of zstd, 1 to 9 of gzip"},
          {.name = "digestfile",
           .value = "FILE",
           .help = "write the digest to a file",
           .completion = Completion::file},
          {.name = "force-compression",
           .value = "",
           .help = "pack layers again that are packed in another way"},
          {.name = "format",
           .value = "FORMAT",
           .help = "oci or v2s2; default: as the image is",
           .completion = Completion::word,
           .words = {"oci", "v2s2"}},
          {.name = "platform", .value = "OS/ARCH", .help = "of an index, the image for this platform only"},
          {.name = "progress",
           .value = "KIND",
           .help = "auto (default), tty, plain, json or quiet",
           .completion = Completion::word,
           .words = {"auto", "tty", "plain", "json", "quiet"}},
          {.name = "quiet", .letter = 'q', .value = "", .help = "print the digest and errors only"},
      },
      registry_flags());
}

}  // namespace

const Verb& push_verb() {
  static const Verb verb{
      .name = "push",
      .operands = "IMAGE [DESTINATION]",
      .summary = "Put an image into a registry",
      .details =
          "DESTINATION is REGISTRY/NAME[:TAG]; without it, the image's own name is where it goes. Layers "
          "that "
          "are not packed yet are packed first, and the packed image takes over the names in the store, so "
          "that its digest is the same here and there. What the registry has is not sent again. Prints the "
          "digest.",
      .flags = flags(),
      .least_operands = 1,
      .most_operands = 2,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

const Verb& manifest_push_verb() {
  static const Verb verb{
      .name = "manifest push",
      .operands = "INDEX [DESTINATION]",
      .summary = "Put an index and its images into a registry",
      .details =
          "As 'ecrin push', for an index: all that it lists goes, and must be in the store. The index comes "
          "last.",
      .flags = with_flags({{.name = "all", .value = "", .help = "accepted: all images go, unless --platform"},
                           {.name = "purge", .letter = 'p', .value = "", .help = "the same as --rm"},
                           {.name = "rm", .value = "", .help = "remove the index from the store afterwards"}},
                          flags()),
      .least_operands = 1,
      .most_operands = 2,
      .completion = Completion::image,
      .run = run_manifest,
  };
  return verb;
}

}  // namespace ecrin::cli

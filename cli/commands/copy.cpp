// verb: copy
#include "oci/copy_image.hpp"

#include <unistd.h>

#include "base/atomic_file.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "oci/endpoints.hpp"

namespace ecrin::cli {
namespace {

class CopyLines final : public oci::CopyObserver {
public:
  CopyLines(StatusLine& console, bool quiet) : m_console(console), m_quiet(quiet) {}
  void blob_finished(const oci::Descriptor& blob, oci::BlobOutcome outcome) override {
    if (m_quiet) return;
    const std::string_view word = outcome == oci::BlobOutcome::copied ? "copied"
                                  : outcome == oci::BlobOutcome::present
                                      ? "already there"
                                      : "left out, as it may not be distributed";
    m_console.print(
        fmt::format("{} ({}): {}", blob.digest.to_string().substr(0, 19), human_size(blob.size), word));
  }

private:
  StatusLine& m_console;
  bool m_quiet;
};

struct Request {
  oci::TransportName source;
  oci::TransportName destination;
  oci::CopyOptions options;
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

Result<oci::RawManifest> copy(Session& session, Request& request, bool quiet, const CancelToken& cancel) {
  oci::ImageStore* images = TRY(open_images(session, request));
  const oci::EndpointContext context{.images = *images,
                                     .platform = request.options.platform,
                                     .tools = TRY(containers_tools(session, request))};
  const auto source = TRY(oci::open_source(request.source, context));
  const auto destination = TRY(oci::open_destination(request.destination, context));
  Fd scratch;
  if (request.options.compression) {
    scratch = TRY(images->blobs().store().temporary());
    request.options.scratch = &scratch;
  }
  CopyLines lines(session.console(), quiet);
  return oci::copy_image(*source, *destination, request.options, lines, &cancel);
}

Outcome run(Session& session, const Arguments& arguments) {
  Request request = TRY(read_request(arguments));
  const std::string digest_file = arguments.value("digestfile");
  const Interrupts interrupts;
  auto copied = copy(session, request, arguments.on("quiet"), interrupts.token());
  if (!copied) {
    return std::unexpected(Failure(std::move(copied).error().context(
                                       fmt::format("copying {} to {}", printable(request.source.to_string()),
                                                   printable(request.destination.to_string()))),
                                   interrupts.exit_code(125)));
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
          "A place is a name in the store, or oci:DIR[:NAME], oci-archive:FILE[:NAME], "
          "docker-archive:FILE[:NAME], dir:DIR or containers-storage:NAME. The digest is printed; it stays "
          "the "
          "same unless the layers or the format are changed.",
      .flags =
          {
              {.name = "all",
               .letter = 'a',
               .value = "",
               .help = "an index with the images of all its platforms; default: one image"},
              {.name = "compression",
               .value = "FORMAT[:LEVEL]",
               .help =
                   "pack the layers with gzip, zstd or not at all (none); default: they stay as they are"},
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
              {.name = "quiet", .letter = 'q', .value = "", .help = "only print the digest"},
          },
      .least_operands = 2,
      .most_operands = 2,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// verb: save
#include <unistd.h>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "oci/transport.hpp"

namespace ecrin::cli {
namespace {

oci::ArchiveFormat parse_format(const std::string& name) {
  if (name == "oci-dir") return oci::ArchiveFormat::oci_directory;
  if (name == "docker-archive") return oci::ArchiveFormat::docker_archive;
  return oci::ArchiveFormat::oci_archive;  // the parser let nothing else through
}

// The same image under several names is one item with these names.
void add_item(std::vector<oci::ExportItem>& items, const oci::Digest& manifest,
              std::optional<oci::Reference> name) {
  for (oci::ExportItem& item : items) {
    if (item.manifest != manifest) continue;
    if (name) item.names.push_back(*std::move(name));
    return;
  }
  oci::ExportItem item{.manifest = manifest, .names = {}};
  if (name) item.names.push_back(*std::move(name));
  items.push_back(std::move(item));
}

Outcome run(Session& session, const Arguments& arguments) {
  const oci::ArchiveFormat format = parse_format(arguments.value("format", "oci-archive"));
  std::string path = arguments.value("output", "-");
  if (path == "-" && format == oci::ArchiveFormat::oci_directory) {
    return std::unexpected(
        Error(ErrorKind::invalid, "a directory cannot go to standard output").hint("give -o DIR"));
  }
  if (path == "-" && ::isatty(1) == 1) {
    return std::unexpected(Error(ErrorKind::invalid, "an archive is nothing for a terminal")
                               .hint("give -o FILE, or redirect the output"));
  }
  if (path != "-") path = TRY(absolute_path(path));
  build::Workshop* workshop = TRY(session.workshop());
  std::vector<oci::ExportItem> items;
  for (const std::string& words : arguments.operands()) {
    const auto platform = arguments.find("platform");
    oci::ImageStore& images = workshop->images();
    const oci::ImageRecord named = TRY(find_any_image(images, words));
    const oci::ImageRecord record = platform ? TRY(find_image(images, words, platform)) : named;
    std::optional<oci::Reference> name;
    if (const auto meant = meant_name(named, words)) name = TRY(oci::Reference::parse(*meant));
    add_item(items, record.manifest, std::move(name));
  }
  TRY_WHILE(oci::export_images(workshop->images(), items, format, path), "saving {}",
            join(arguments.operands(), ", "));
  return 0;
}

}  // namespace

const Verb& save_verb() {
  static const Verb verb{
      .name = "save",
      .operands = "IMAGE...",
      .summary = "Write images to an archive",
      .details =
          "podman, skopeo, buildah, umoci and docker read these archives. The same images give the same "
          "bytes.",
      .flags =
          {
              {.name = "format",
               .value = "FORMAT",
               .help = "oci-archive (default), docker-archive or oci-dir",
               .completion = Completion::word,
               .words = {"oci-archive", "docker-archive", "oci-dir"}},
              {.name = "multi-image-archive",
               .letter = 'm',
               .value = "",
               .help = "accepted: several images always may go into one archive"},
              {.name = "output",
               .letter = 'o',
               .value = "FILE",
               .help = "where to; default: standard output",
               .completion = Completion::file},
              {.name = "platform",
               .value = "OS/ARCH",
               .help = "only this platform's image of an index; default: all that are in the store"},
              {.name = "quiet", .letter = 'q', .value = "", .help = "accepted: nothing is printed anyway"},
          },
      .least_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

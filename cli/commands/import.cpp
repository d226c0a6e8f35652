// verb: import
#include <unistd.h>

#include "base/compression.hpp"
#include "base/hash.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/import_changes.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"
#include "cli/standard_streams.hpp"
#include "cli/table.hpp"
#include "fs/changeset.hpp"
#include "fs/layer_apply.hpp"
#include "oci/registry/fetch.hpp"

namespace ecrin::cli {
namespace {

bool is_url(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

Result<std::unique_ptr<Source>> open_tar(Store& store, const std::string& from,
                                         const oci::FetchOptions& options, const CancelToken& cancel) {
  Fd file;
  if (from == "-") {
    file = TRY(standard_stream(0));
  } else if (is_url(from)) {
    const Fd directory = TRY(store.temporary());
    const Fd spool = TRY(posix::open_at(directory, "import", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    FdSink sink(spool);
    TRY(oci::fetch_url(from, sink, options, &cancel));
    file = TRY(posix::open_at(directory, "import", O_RDONLY));
    TRY(posix::unlink_at(directory, "import"));  // the open file is enough
  } else {
    file = TRY(posix::open(from, O_RDONLY));
  }
  return decompress_any(std::make_unique<FdSource>(std::move(file)));
}

struct ImportedLayer {
  oci::DiffId diff_id;
  std::uint64_t size = 0;
};

// The tree becomes a layer like those that builds make: a directory, whose tar is made again when it is
// needed.
Result<ImportedLayer> import_layer(build::Workshop& workshop, std::unique_ptr<Source> tar,
                                   const CancelToken& cancel) {
  fs::LayerDraft draft = TRY(workshop.layers().draft());
  TRY(fs::apply_layer(std::move(tar), draft.diff(), fs::ApplyForm::plain_tree, {}, &cancel));
  HashingSink hash(nullptr);
  TRY(fs::write_layer(draft.diff(), hash, &cancel));
  const std::uint64_t size = hash.count();
  const oci::DiffId diff_id{oci::Digest::sha256(hash.finish_hex())};
  const fs::Layer layer = TRY(workshop.layers().publish(std::move(draft)));
  TRY(workshop.layers().seal(layer.id, diff_id.digest.to_string(), size));
  return ImportedLayer{diff_id, size};
}

Result<oci::ImageRecord> record_image(build::Workshop& workshop, oci::ImageConfig config,
                                      const ImportedLayer& layer, const std::vector<oci::Reference>& names) {
  config.diff_ids = {layer.diff_id};
  oci::ImageManifest manifest;
  manifest.media_type = std::string(oci::media_type::k_manifest);
  manifest.config = TRY(workshop.blobs().put_bytes(oci::media_type::k_config, config.to_bytes()));
  oci::Descriptor blob;
  blob.media_type = std::string(oci::media_type::k_layer);
  blob.digest = layer.diff_id.digest;
  blob.size = layer.size;
  manifest.layers = {blob};
  const oci::Descriptor descriptor =
      TRY(workshop.blobs().put_bytes(oci::media_type::k_manifest, manifest.to_bytes()));
  oci::ImageRecord record = TRY(workshop.images().add(descriptor, names));
  TRY(workshop.layers().sync());
  return record;
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::string& from = arguments.operands().front();
  std::vector<oci::Reference> names;
  if (arguments.operands().size() > 1) names.push_back(TRY(parse_new_name(arguments.operands()[1])));
  if (from == "-" && ::isatty(0) == 1) {
    return std::unexpected(
        Error(ErrorKind::invalid, "an archive cannot come from a terminal").hint("redirect the input"));
  }
  oci::ImageConfig config;
  config.platform = oci::Platform::host();
  if (const auto platform = arguments.find("platform"))
    config.platform = TRY(oci::Platform::parse(*platform));
  config.created = format_time(TRY(source_date_epoch(session.environment())).value_or(session.now()));
  for (const std::string& change : arguments.values("change")) TRY(apply_change(config, change));
  config.history = {
      {.created = config.created,
       .created_by = "import " + (from == "-" ? std::string("from standard input") : printable(from)),
       .comment = arguments.value("message")}};
  build::Workshop* workshop = TRY(session.workshop());
  const Interrupts interrupts;
  const auto record = [&]() -> Result<oci::ImageRecord> {
    oci::FetchOptions options;
    options.transport.proxies = proxy_environment(session.environment());
    auto tar = TRY(open_tar(workshop->store(), from, options, interrupts.token()));
    const ImportedLayer layer = TRY(import_layer(*workshop, std::move(tar), interrupts.token()));
    return record_image(*workshop, std::move(config), layer, names);
  }();
  if (!record) {
    return std::unexpected(
        Error(record.error()).context("importing " + (from == "-" ? "standard input" : printable(from))));
  }
  print_line(record->id.digest.to_string());
  return 0;
}

}  // namespace

const Verb& import_verb() {
  static const Verb verb{
      .name = "import",
      .operands = "FILE|URL|- [NAME]",
      .summary = "Make an image of one layer from a tar of a root file system",
      .details = "The tar may be compressed with gzip or zstd. The image's ID is printed.",
      .flags =
          {
              {.name = "change",
               .letter = 'c',
               .value = "INSTRUCTION",
               .help = "set the image's configuration: CMD=/bin/sh, ENV=A=b, ...",
               .occurs = Occurs::often},
              {.name = "message",
               .letter = 'm',
               .value = "TEXT",
               .help = "a comment for the image's history"},
              {.name = "platform", .value = "OS/ARCH", .help = "what the tree is for; default: this machine"},
          },
      .least_operands = 1,
      .most_operands = 2,
      .completion = Completion::file,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

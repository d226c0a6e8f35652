#include "cli/index_entries.hpp"

#include "base/text.hpp"
#include "cli/image_names.hpp"
#include "cli/registries.hpp"
#include "oci/endpoints.hpp"
#include "oci/image_index.hpp"
#include "oci/media_type.hpp"
#include "oci/store_destination.hpp"

namespace ecrin::cli {
namespace {

using Entries = std::vector<oci::Descriptor>;

Result<oci::Descriptor> image_entry(oci::ImageStore& images, const oci::ImageRecord& record) {
  oci::Descriptor entry = record.descriptor();
  if (record.kind == oci::ImageKind::artifact) {
    entry.artifact_type = record.artifact_type;
    return entry;
  }
  entry.platform = TRY(images.load(record.manifest)).config.platform;
  return entry;
}

Result<Entries> stored_entries(oci::ImageStore& images, const std::string& words, bool all) {
  auto found = images.find_any(words);
  if (!found && found.error().kind() == ErrorKind::not_found)
    return std::unexpected(std::move(found).error().hint(
        fmt::format("'docker://{}' is the image in a registry; 'ecrin images' lists those of the store",
                    printable(words, 300))));
  const oci::ImageRecord record = TRY(std::move(found));
  if (record.kind == oci::ImageKind::index && all)
    return TRY(images.load_index(record.manifest)).index.manifests;
  // Of an index, this machine's.
  if (record.kind == oci::ImageKind::index)
    return Entries{TRY(image_entry(images, TRY(find_image(images, words))))};
  return Entries{TRY(image_entry(images, record))};
}

Result<Entries> copied_entries(oci::ImageStore& images, const oci::TransportName& from,
                               const oci::EndpointContext& context, bool all, oci::CopyObserver& observer,
                               const CancelToken& cancel) {
  const auto source = TRY(oci::open_source(from, context));
  const auto destination = oci::make_parts_destination(images);
  oci::CopyOptions options;
  options.all = all;
  const oci::RawManifest copied = TRY(oci::copy_image(*source, *destination, options, observer, &cancel));
  if (oci::media_type::is_index(copied.media_type))
    return TRY(oci::ImageIndex::parse(copied.bytes, "index " + copied.digest.to_string())).manifests;
  return Entries{TRY(image_entry(images, TRY(images.find_any(copied.digest.to_string()))))};
}

}  // namespace

std::vector<Flag> with_entry_source_flags(std::vector<Flag> own) {
  own.insert(
      own.begin(),
      {.name = "all", .value = "", .help = "of an IMAGE that is an index, take all images that it lists"});
  own.push_back({.name = "quiet", .letter = 'q', .value = "", .help = "print the ID and errors only"});
  return with_flags(std::move(own), registry_flags());
}

Result<std::vector<oci::TransportName>> entry_sources(const Arguments& arguments, std::size_t first) {
  std::vector<oci::TransportName> sources;
  for (std::size_t i = first; i < arguments.operands().size(); ++i) {
    oci::TransportName name = TRY(oci::TransportName::parse(arguments.operands()[i]));
    if (!name.path.empty() && name.path != "-") name.path = TRY(absolute_path(name.path));
    sources.push_back(std::move(name));
  }
  return sources;
}

Result<Entries> obtain_entries(Session& session, const Arguments& arguments,
                               const std::vector<oci::TransportName>& sources, const Interrupts& interrupts) {
  const CancelToken& cancel = interrupts.token();
  const bool all = arguments.on("all");
  oci::ImageStore& images = *TRY(session.images());
  std::unique_ptr<oci::RegistryImages> registries;
  oci::EndpointContext context{.images = images,
                               .tools = {.search_path = session.search_path(), .prefix = {}},
                               .registry_source = {},
                               .registry_destination = {}};
  context.registry_source = [&](const std::string& name) -> Result<std::unique_ptr<oci::ImageSource>> {
    if (!registries) registries = TRY(open_registries(session, arguments, interrupts));
    return std::move(TRY(registries->find(TRY(oci::Reference::parse(name)), &cancel)).source);
  };
  const auto progress =
      make_transfer_progress(arguments.on("quiet") ? ProgressKind::quiet : ProgressKind::automatic,
                             session.console(), session.style(), steady_clock());
  const auto obtain = [&]() -> Result<Entries> {
    Entries entries;
    for (const oci::TransportName& from : sources) {
      Entries found = from.transport == oci::Transport::store
                          ? TRY(stored_entries(images, from.reference, all))
                          : TRY_WHILE(copied_entries(images, from, context, all, *progress, cancel),
                                      "copying {} into the store", printable(from.to_string(), 300));
      std::move(found.begin(), found.end(), std::back_inserter(entries));
    }
    return entries;
  };
  auto entries = obtain();
  progress->end();
  return entries;
}

}  // namespace ecrin::cli

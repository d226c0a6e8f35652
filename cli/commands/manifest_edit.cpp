// verbs: manifest add, manifest annotate, manifest remove
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/index_edit.hpp"
#include "cli/index_entries.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

// The entry that the user means: by its digest, or by an image that is in the store.
Result<oci::Digest> meant_entry(oci::ImageStore& images, const oci::ImageIndex& index,
                                const std::string& words) {
  if (const auto digest = oci::Digest::parse(words); digest && index.find(*digest)) return *digest;
  if (const auto record = images.find_any(words)) {
    if (index.find(record->manifest)) return record->manifest;
    // Of an index, the image that `manifest add` would have taken.
    const auto image = images.find(words);
    if (image && index.find(image->manifest)) return image->manifest;
  }
  std::vector<std::string> digests;
  for (const oci::Descriptor& entry : index.manifests) {
    if (digests.size() == 20) break;
    digests.push_back(entry.digest.to_string());
  }
  return std::unexpected(
      Error(ErrorKind::not_found, fmt::format("the index does not list '{}'", printable(words)))
          .hint(digests.empty() ? "it lists nothing" : "it lists " + join(digests, ", ")));
}

Outcome run_add(Session& session, const Arguments& arguments) {
  const std::string& name = arguments.operands().front();
  const auto sources = TRY(entry_sources(arguments, 1));
  oci::ImageStore* images = TRY(session.images());
  TRY(find_index(*images, name));
  const Interrupts interrupts;
  auto entries = obtain_entries(session, arguments, sources, interrupts);
  if (!entries) return std::unexpected(std::move(entries).error());
  for (oci::Descriptor& entry : *entries) TRY(apply_entry_flags(entry, arguments));
  const oci::ImageRecord record = TRY(edit_index(*images, name, [&](oci::ImageIndex& index) -> Result<> {
    for (const oci::Descriptor& entry : *entries) index.set(entry);
    return {};
  }));
  print_line(record.id.digest.hex());
  return 0;
}

Outcome run_annotate(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  oci::ImageStore* images = TRY(session.images());
  const oci::ImageRecord record = TRY(edit_index(*images, words[0], [&](oci::ImageIndex& index) -> Result<> {
    oci::Descriptor entry = *index.find(TRY(meant_entry(*images, index, words[1])));
    TRY(apply_entry_flags(entry, arguments));
    index.set(std::move(entry));
    return {};
  }));
  print_line(record.id.digest.hex());
  return 0;
}

Outcome run_remove(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  oci::ImageStore* images = TRY(session.images());
  const oci::ImageRecord record = TRY(edit_index(*images, words[0], [&](oci::ImageIndex& index) -> Result<> {
    index.erase(TRY(meant_entry(*images, index, words[1])));
    return {};
  }));
  print_line(record.id.digest.hex());
  return 0;
}

}  // namespace

const Verb& manifest_add_verb() {
  static const Verb verb{
      .name = "manifest add",
      .operands = "INDEX IMAGE...",
      .summary = "Add images to an index",
      .details =
          "IMAGE is in the store, or elsewhere, as for 'ecrin copy': docker://NAME, oci:DIR[:NAME] and so "
          "on; "
          "then it is copied into the store. Platforms are read from the images. Prints the new ID.",
      .flags = with_entry_source_flags(entry_flags()),
      .least_operands = 2,
      .completion = Completion::image,
      .run = run_add,
  };
  return verb;
}

const Verb& manifest_annotate_verb() {
  static const Verb verb{
      .name = "manifest annotate",
      .operands = "INDEX IMAGE",
      .summary = "Change what an index says of one of its images",
      .details = "IMAGE is a digest that the index lists, or an image of the store. Prints the new ID.",
      .flags = entry_flags(),
      .least_operands = 2,
      .most_operands = 2,
      .completion = Completion::image,
      .run = run_annotate,
  };
  return verb;
}

const Verb& manifest_remove_verb() {
  static const Verb verb{
      .name = "manifest remove",
      .operands = "INDEX IMAGE",
      .summary = "Take an image out of an index",
      .details =
          "IMAGE is a digest that the index lists, or an image of the store. The image itself stays. Prints "
          "the "
          "new ID.",
      .least_operands = 2,
      .most_operands = 2,
      .completion = Completion::image,
      .run = run_remove,
  };
  return verb;
}

}  // namespace ecrin::cli

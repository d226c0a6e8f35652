// verbs: manifest add, manifest annotate, manifest remove
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/index_edit.hpp"
#include "cli/session.hpp"
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
  const std::vector<std::string>& words = arguments.operands();
  oci::ImageStore* images = TRY(session.images());
  const Entries which = arguments.on("all") ? Entries::all : Entries::one;
  TRY(find_index(*images, words.front()));
  std::vector<oci::Descriptor> entries;
  for (std::size_t i = 1; i < words.size(); ++i) {
    for (oci::Descriptor& entry : TRY(entries_of(*images, words[i], which))) {
      TRY(apply_entry_flags(entry, arguments));
      entries.push_back(std::move(entry));
    }
  }
  const oci::ImageRecord record =
      TRY(edit_index(*images, words.front(), [&](oci::ImageIndex& index) -> Result<> {
        for (const oci::Descriptor& entry : entries) index.set(entry);
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
  static const Verb verb = [] {
    std::vector<Flag> flags = entry_flags();
    flags.insert(
        flags.begin(),
        {.name = "all", .value = "", .help = "of an IMAGE that is an index, take all that it lists"});
    return Verb{
        .name = "manifest add",
        .operands = "INDEX IMAGE...",
        .summary = "Add images to an index",
        .details = "The images must be in the store; their platforms are read from them. Prints the new ID.",
        .flags = std::move(flags),
        .least_operands = 2,
        .completion = Completion::image,
        .run = run_add,
    };
  }();
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

// verb: manifest create
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/index_edit.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  const oci::Reference name = TRY(parse_new_name(words.front()));
  const Entries which = arguments.on("all") ? Entries::all : Entries::one;
  oci::ImageStore* images = TRY(session.images());
  std::vector<oci::Descriptor> entries;
  for (std::size_t i = 1; i < words.size(); ++i)
    for (oci::Descriptor& entry : TRY(entries_of(*images, words[i], which)))
      entries.push_back(std::move(entry));
  const auto add_all = [&](oci::ImageIndex& index) -> Result<> {
    for (const oci::Descriptor& entry : entries) index.set(entry);
    return {};
  };
  const auto existing = images->find_any(name.to_string());
  if (!existing && existing.error().kind() != ErrorKind::not_found)
    return std::unexpected(Failure(existing.error()));
  if (existing && !arguments.on("amend"))
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("there is an image '{}' already", name.to_string()))
            .hint("give --amend to add to an index, or remove it first"));
  if (existing) {
    print_line(TRY(edit_index(*images, name.to_string(), add_all)).id.digest.hex());
    return 0;
  }
  oci::ImageIndex index;
  index.media_type = oci::media_type::k_index;
  TRY(add_all(index));
  if (index.manifests.size() > oci::k_index_entry_limit)
    return std::unexpected(
        Error(ErrorKind::limit, fmt::format("an index has at most {} entries", oci::k_index_entry_limit)));
  print_line(TRY(images->add_index(TRY(store_index(*images, index)), {name})).id.digest.hex());
  return 0;
}

}  // namespace

const Verb& manifest_create_verb() {
  static const Verb verb{
      .name = "manifest create",
      .operands = "NAME [IMAGE...]",
      .summary = "Make an index: one name for the images of several platforms",
      .details = "The images must be in the store. Prints the ID of the index.",
      .flags =
          {
              {.name = "all",
               .value = "",
               .help = "of an IMAGE that is an index, take all images that it lists"},
              {.name = "amend", .letter = 'a', .value = "", .help = "add to the index when there is one"},
          },
      .least_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// verb: manifest create
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/index_edit.hpp"
#include "cli/index_entries.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  const oci::Reference name = TRY(parse_new_name(words.front()));
  const auto sources = TRY(entry_sources(arguments, 1));
  oci::ImageStore* images = TRY(session.images());
  const auto existing = images->find_any(name.to_string());
  if (!existing && existing.error().kind() != ErrorKind::not_found)
    return std::unexpected(Failure(existing.error()));
  if (existing && !arguments.on("amend"))
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("there is an image '{}' already", name.to_string()))
            .hint("give --amend to add to an index, or remove it first"));
  const Interrupts interrupts;
  const auto entries = obtain_entries(session, arguments, sources, interrupts);
  if (!entries) return std::unexpected(Failure(entries.error(), interrupts.exit_code(125)));
  const auto add_all = [&](oci::ImageIndex& index) -> Result<> {
    for (const oci::Descriptor& entry : *entries) index.set(entry);
    return {};
  };
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
      .details =
          "IMAGE is in the store, or elsewhere, as for 'ecrin copy': docker://NAME, oci:DIR[:NAME] and so "
          "on; "
          "then it is copied into the store. Prints the ID of the index.",
      .flags = with_entry_source_flags({
          {.name = "amend", .letter = 'a', .value = "", .help = "add to the index when there is one"},
      }),
      .least_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

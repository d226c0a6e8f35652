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
  if (!entries) return std::unexpected(entries.error());
  const auto add_all = [&](oci::ImageIndex& index) -> Result<> {
    for (const oci::Descriptor& entry : *entries) index.set(entry);
    return {};
  };
  const auto record = arguments.on("amend") ? create_or_edit_index(*images, name, add_all)
                                            : create_index(*images, name, add_all);
  print_line(TRY(record).id.digest.hex());
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

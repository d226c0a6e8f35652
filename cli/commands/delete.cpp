// verb: delete
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/registries.hpp"
#include "cli/table.hpp"
#include "oci/transport_name.hpp"

namespace ecrin::cli {
namespace {

// Only what is certainly meant: no short names, and nothing that could be an image of the store.
Result<oci::Reference> parse_place(const std::string& words) {
  const oci::TransportName name = TRY(oci::TransportName::parse(words));
  if (name.transport == oci::Transport::store)
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is not in a registry", printable(words, 300)))
            .hint("docker://NAME is an image in a registry; 'ecrin rmi' removes images of the store"));
  if (name.transport != oci::Transport::registry)
    return fail(ErrorKind::unsupported, "only images in registries (docker://NAME) can be deleted, not '{}'",
                printable(words, 300));
  const oci::Reference reference = TRY(oci::Reference::parse(name.reference));
  if (reference.registry.empty())
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' names no registry", printable(words, 300)))
            .hint("give the full name, as in docker://registry.example/team/app:1"));
  return reference.with_default_tag();
}

Outcome run(Session& session, const Arguments& arguments) {
  std::vector<oci::Reference> names;
  for (const std::string& words : arguments.operands()) names.push_back(TRY(parse_place(words)));
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  for (const oci::Reference& name : names) {
    const auto digest = registries->remove(name, &interrupts.token());
    if (!digest) return std::unexpected(digest.error());
    print_line(digest->to_string());
  }
  return 0;
}

}  // namespace

const Verb& delete_verb() {
  static const Verb verb{
      .name = "delete",
      .operands = "docker://NAME...",
      .summary = "Delete images from a registry",
      .details =
          "NAME is full, with a tag (default: latest) or a digest. What a tag means is deleted by its "
          "digest: "
          "all tags of it go. Prints the digests. Not every registry allows it.",
      .flags = registry_flags(),
      .least_operands = 1,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

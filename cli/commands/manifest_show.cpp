// verbs: manifest exists, manifest inspect, manifest rm
#include <unistd.h>

#include "build/garbage.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/index_edit.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Outcome run_exists(Session& session, const Arguments& arguments) {
  oci::ImageStore* images = TRY(session.images());
  const auto found = images->find_any(arguments.operands().front());
  if (found) return found->kind == oci::ImageKind::index ? 0 : 1;
  if (found.error().kind() == ErrorKind::not_found) return 1;
  return std::unexpected(Failure(found.error()));
}

Outcome run_inspect(Session& session, const Arguments& arguments) {
  oci::ImageStore* images = TRY(session.images());
  const oci::ImageRecord record = TRY(find_any_image(*images, arguments.operands().front()));
  // The bytes that have the digest, so that whoever pipes them on can check it.
  print(TRY(images->blobs().read(record.descriptor(), oci::k_manifest_limit)));
  if (::isatty(1) == 1) print("\n");
  return 0;
}

Outcome run_rm(Session& session, const Arguments& arguments) {
  build::Workshop* workshop = TRY(session.workshop(Store::Purpose::freeing));
  oci::ImageStore& images = workshop->images();
  for (const std::string& words : arguments.operands()) {
    const oci::ImageRecord record = TRY(find_index(images, words));
    TRY(images.remove(record.manifest));
    for (const std::string& name : record.names) print_line("Untagged: " + name);
    print_line("Deleted: " + record.id.digest.hex());
  }
  TRY(build::prune(*workshop, {.images = false, .cache = false, .downloads = false}));
  return 0;
}

}  // namespace

const Verb& manifest_exists_verb() {
  static const Verb verb{
      .name = "manifest exists",
      .operands = "INDEX",
      .summary = "Is there such an index? Exit code 0 or 1",
      .details = "Prints nothing.",
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run_exists,
  };
  return verb;
}

const Verb& manifest_inspect_verb() {
  static const Verb verb{
      .name = "manifest inspect",
      .operands = "NAME",
      .summary = "Print an index as it is, byte for byte",
      .details = "Also the manifest of an image or an artifact.",
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run_inspect,
  };
  return verb;
}

const Verb& manifest_rm_verb() {
  static const Verb verb{
      .name = "manifest rm",
      .operands = "INDEX...",
      .summary = "Remove indexes, with the images that came with them",
      .details = "Images that have a name, or came into the store by themselves, stay.",
      .least_operands = 1,
      .completion = Completion::image,
      .run = run_rm,
  };
  return verb;
}

}  // namespace ecrin::cli

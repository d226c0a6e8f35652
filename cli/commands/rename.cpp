// verb: rename
#include "base/text.hpp"
#include "build/working_containers.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/selection.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const std::string& name = arguments.operands()[1];
  if (!build::is_container_name(name))
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is no name for a container: it has letters, digits, '_', "
                                              "'.' and '-', at most 200",
                                              printable(name))));
  Containers containers = TRY(Containers::open(session));
  const run::StoredContainer record = TRY(containers.find(arguments.operands()[0]));
  if (record.name == name) return 0;
  TRY(build::WorkingContainers::migrate(containers.store().database()));
  if (TRY(build::WorkingContainers(containers.store()).get(name)))
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("there is a working container '{}' already", name)));
  TRY(containers.table().set_name(record.id, name));
  return 0;
}

}  // namespace

const Verb& rename_verb() {
  static const Verb verb{
      .name = "rename",
      .operands = "CONTAINER NAME",
      .summary = "Give a container another name",
      .details = "Also while it runs. Its host name stays.",
      .flags = {},
      .least_operands = 2,
      .most_operands = 2,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

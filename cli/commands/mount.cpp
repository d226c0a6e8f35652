// verbs: mount, umount
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/first_error.hpp"
#include "cli/interrupt.hpp"
#include "cli/table.hpp"
#include "cli/working_mounts.hpp"

namespace ecrin::cli {
namespace {

Result<> list_mounts(Session& session, const std::string& format) {
  Store& store = TRY(session.images())->blobs().store();
  TRY(build::WorkingContainers::migrate(store.database()));
  build::WorkingMounts mounts(store);
  const auto shared = shared_namespace(session.environment());
  std::vector<Json> rows;
  std::string lines;
  for (const build::WorkingMount& mount : TRY(mounts.list())) {
    if (!is_visible(mount, shared) || !TRY(mounts.is_live(mount))) continue;
    rows.push_back({{"container", mount.container},
                    {"mountpoint", mounts.path(mount)},
                    {"kind", build::to_string(mount.kind)}});
    lines += fmt::format("{}  {}\n", mount.container, mounts.path(mount));
  }
  if (!format.empty()) return print_formatted(format, rows);
  print(lines);
  return {};
}

Outcome run_mount(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& names = arguments.operands();
  if (names.empty()) {
    TRY(list_mounts(session, arguments.value("format")));
    return 0;
  }
  const Interrupts interrupts;
  for (const std::string& name : names) {
    const auto path = mount_working(session, name, interrupts.token());
    if (!path) return std::unexpected(path.error());
    print_line(names.size() == 1 ? *path : fmt::format("{}  {}", name, *path));
  }
  return 0;
}

// Those whose mounts can be seen here.
Result<std::vector<std::string>> mounted_here(Session& session) {
  Store& store = TRY(session.images())->blobs().store();
  TRY(build::WorkingContainers::migrate(store.database()));
  const auto shared = shared_namespace(session.environment());
  std::vector<std::string> names;
  for (const build::WorkingMount& mount : TRY(build::WorkingMounts(store).list()))
    if (is_visible(mount, shared)) names.push_back(mount.container);
  return names;
}

Outcome run_umount(Session& session, const Arguments& arguments) {
  const bool all = arguments.on("all");
  std::vector<std::string> names = arguments.operands();
  if (all == !names.empty())
    return std::unexpected(Error(ErrorKind::invalid, "name the containers to unmount, or give --all"));
  const Interrupts interrupts;
  if (all) names = TRY(mounted_here(session));
  FirstError errors(session.console());
  for (const std::string& name : names) {
    if (auto cancelled = interrupts.token().check(); !cancelled)
      return std::unexpected(std::move(cancelled).error());
    if (errors.done(unmount_working(session, name, interrupts.token()))) print_line(name);
  }
  return std::move(errors).outcome({});
}

}  // namespace

const Verb& mount_verb() {
  static const Verb verb{
      .name = "mount",
      .operands = "[CONTAINER...]",
      .summary = "Show a working container's files in a directory, for reading and writing",
      .details =
          "The directory is printed. What is written there becomes a step of the container when it is "
          "unmounted. "
          "Without CONTAINER: what is mounted. An ordinary user needs to be inside 'ecrin unshare'; with "
          "'ecrin --driver copy' the directory is a copy, and can be anywhere.",
      .flags = {{.name = "format", .value = "FORMAT", .help = "of the list: json, or a template"}},
      .run = run_mount,
  };
  return verb;
}

const Verb& umount_verb() {
  static const Verb verb{
      .name = "umount",
      .operands = "CONTAINER...",
      .summary = "Take down what 'ecrin mount' shows, and make a step of what was written",
      .details =
          "The names are printed. The step has the digest of what was written as its key, so that later "
          "steps "
          "come from the cache when the same files were written. 'ecrin unmount' is the same.",
      .flags = {{.name = "all", .letter = 'a', .value = "", .help = "unmount all that are mounted here"}},
      .run = run_umount,
  };
  return verb;
}

}  // namespace ecrin::cli

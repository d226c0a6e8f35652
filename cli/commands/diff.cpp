// verb: diff
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "fs/changeset.hpp"

namespace ecrin::cli {
namespace {

Result<std::vector<fs::Layer>> layers_of(build::Workshop& workshop, const std::string& words,
                                         const CancelToken& cancel) {
  const oci::ImageRecord record = TRY(find_image(workshop.images(), words));
  return workshop.unpack(TRY(workshop.images().load(record.manifest)), &cancel);
}

// What the last layer did to those below it.
Result<std::vector<fs::Change>> top_layer_changes(build::Workshop& workshop, std::vector<fs::Layer> layers) {
  if (layers.empty()) return std::vector<fs::Change>{};
  const fs::Layer top = layers.back();
  layers.pop_back();
  const Fd changeset = TRY(posix::open(workshop.layers().path(top), O_RDONLY | O_DIRECTORY));
  if (layers.empty()) return fs::list_changes(changeset, nullptr);
  const build::TreeMount mount = TRY(build::mount_layers(workshop, layers, build::Access::read_only));
  const Fd lower = TRY(posix::open(mount.tree->path(), O_RDONLY | O_DIRECTORY));
  return fs::list_changes(changeset, &lower);
}

// What must be done to the first image to get the second.
Result<std::vector<fs::Change>> image_changes(build::Workshop& workshop, const std::vector<fs::Layer>& from,
                                              const std::vector<fs::Layer>& to, const CancelToken& cancel) {
  const build::TreeMount first = TRY(build::mount_layers(workshop, from, build::Access::read_only));
  const build::TreeMount second = TRY(build::mount_layers(workshop, to, build::Access::read_only));
  const Fd lower = TRY(posix::open(first.tree->path(), O_RDONLY | O_DIRECTORY));
  const Fd changed = TRY(posix::open(second.tree->path(), O_RDONLY | O_DIRECTORY));
  const fs::LayerDraft draft = TRY(workshop.layers().draft());
  TRY(fs::extract_changes(lower, changed, draft.diff(), &cancel));
  return fs::list_changes(draft.diff(), &lower);
}

Outcome run(Session& session, const Arguments& arguments) {
  build::Workshop* workshop = TRY(session.workshop());
  const Interrupts interrupts;
  const std::vector<std::string>& words = arguments.operands();
  const std::vector<fs::Layer> first = TRY(layers_of(*workshop, words[0], interrupts.token()));
  std::vector<fs::Change> changes;
  if (words.size() == 2) {
    const std::vector<fs::Layer> second = TRY(layers_of(*workshop, words[1], interrupts.token()));
    changes = TRY(image_changes(*workshop, first, second, interrupts.token()));
  } else {
    changes = TRY(top_layer_changes(*workshop, first));
  }
  using Kind = fs::Change::Kind;
  if (arguments.value("format") == "json") {
    Json json = {{"added", Json::array()}, {"changed", Json::array()}, {"deleted", Json::array()}};
    for (const fs::Change& change : changes) {
      const char* key = change.kind == Kind::added     ? "added"
                        : change.kind == Kind::deleted ? "deleted"
                                                       : "changed";
      json[key].push_back(change.path);
    }
    print(dump_json_pretty(json));
    return 0;
  }
  for (const fs::Change& change : changes) {
    const char letter = change.kind == Kind::added ? 'A' : change.kind == Kind::deleted ? 'D' : 'C';
    print_line(fmt::format("{} {}", letter, printable(change.path)));
  }
  return 0;
}

}  // namespace

const Verb& diff_verb() {
  static const Verb verb{
      .name = "diff",
      .operands = "IMAGE [IMAGE2]",
      .summary = "Show what an image's last layer changed, or how two images differ",
      .details =
          "A path is added (A), changed (C) or deleted (D). With IMAGE2: what turns IMAGE into IMAGE2.",
      .flags = {{.name = "format",
                 .value = "FORMAT",
                 .help = "json",
                 .completion = Completion::word,
                 .words = {"json"}}},
      .least_operands = 1,
      .most_operands = 2,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

// verb: diff
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "build/image_steps.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/container_files.hpp"
#include "cli/image_edit.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "fs/tree_compare.hpp"
#include "oci/config_compare.hpp"

namespace ecrin::cli {
namespace {

// IMAGE, or IMAGE@3.
Result<build::ImageAtStep> open_step(oci::ImageStore& images, const std::string& words) {
  const StepName name = TRY(parse_step_name(words));
  oci::Image image = TRY(open_image(images, name.image));
  if (!name.step) return build::ImageAtStep{.image = std::move(image), .settings_known = true};
  Database& database = images.blobs().store().database();
  TRY(build::migrate_image_steps(database));
  return build::image_at_step(database, image, *name.step);
}

// Its settings can be told only when they are known.
Result<oci::Image> open_settings(oci::ImageStore& images, const std::string& words) {
  build::ImageAtStep at = TRY(open_step(images, words));
  if (at.settings_known) return std::move(at.image);
  return std::unexpected(
      Error(ErrorKind::unsupported,
            fmt::format("the settings of '{}' are not known: the image was not built here", printable(words)))
          .hint("its files can be compared: leave out --config"));
}

Result<std::vector<fs::Layer>> layers_of(build::Workshop& workshop, const std::string& words,
                                         const CancelToken& cancel) {
  const auto [image, settings_known] = TRY(open_step(workshop.images(), words));
  return workshop.unpack(image, &cancel);
}

// What must be done to the first image to get the second.
Result<std::vector<fs::Difference>> image_differences(build::Workshop& workshop,
                                                      const std::vector<fs::Layer>& from,
                                                      const std::vector<fs::Layer>& to,
                                                      const CancelToken& cancel) {
  auto before = TRY(fs::LowerTree::of_layers(build::layer_paths(workshop, from)));
  auto after = TRY(fs::LowerTree::of_layers(build::layer_paths(workshop, to)));
  return fs::compare_trees(before, after, &cancel);
}

std::vector<std::string> names_of(const fs::Aspects& aspects) {
  std::vector<std::string> names;
  for (const std::string_view name : aspects.names()) names.emplace_back(name);
  return names;
}

void print_files(const std::vector<fs::Difference>& differences, bool as_json, bool verbose) {
  using Kind = fs::Difference::Kind;
  if (as_json) {
    Json json = {{"added", Json::array()}, {"changed", Json::array()}, {"deleted", Json::array()}};
    Json details = Json::object();
    for (const fs::Difference& difference : differences) {
      const char* key = difference.kind == Kind::added     ? "added"
                        : difference.kind == Kind::deleted ? "deleted"
                                                           : "changed";
      json[key].push_back(difference.path);
      if (difference.aspects.any()) details[difference.path] = names_of(difference.aspects);
    }
    if (!details.empty()) json["details"] = std::move(details);
    print(dump_json_pretty(json));
    return;
  }
  for (const fs::Difference& difference : differences) {
    const char letter = difference.kind == Kind::added ? 'A' : difference.kind == Kind::deleted ? 'D' : 'C';
    const std::string why =
        verbose && difference.aspects.any() ? " (" + join(names_of(difference.aspects), ", ") + ")" : "";
    print_line(fmt::format("{} {}{}", letter, printable(difference.path), why));
  }
}

Outcome diff_configs(Session& session, const std::vector<std::string>& words, bool as_json) {
  oci::ImageStore* images = TRY(session.images());
  const oci::Image first = TRY(open_settings(*images, words[0]));
  const oci::Image second = TRY(open_settings(*images, words[1]));
  const std::vector<oci::ConfigDifference> differences = oci::compare_configs(first, second);
  Json list = Json::array();
  for (const oci::ConfigDifference& difference : differences) {
    const auto value = [](const std::optional<std::string>& text) { return text ? Json(*text) : Json(); };
    if (as_json) {
      list.push_back({{"setting", difference.setting},
                      {"name", difference.name},
                      {"before", value(difference.before)},
                      {"after", value(difference.after)}});
      continue;
    }
    const char letter = !difference.before ? 'A' : !difference.after ? 'D' : 'C';
    const auto text = [](const std::optional<std::string>& shown) { return printable(shown.value_or("")); };
    const std::string values = letter == 'A'   ? text(difference.after)
                               : letter == 'D' ? text(difference.before)
                                               : text(difference.before) + " -> " + text(difference.after);
    print_line(fmt::format("{} {}{}{}: {}", letter, difference.setting, difference.name.empty() ? "" : " ",
                           printable(difference.name), values));
  }
  if (as_json) print(dump_json_pretty(Json{{"config", std::move(list)}}));
  return 0;
}

// none: there is no such container, and it may be an image's name.
Result<std::optional<std::vector<fs::Difference>>> container_differences(Session& session,
                                                                         const std::string& words,
                                                                         const CancelToken& cancel) {
  Containers containers = TRY(Containers::open(session));
  const auto record = containers.find(words);
  if (!record && record.error().kind() == ErrorKind::not_found) return std::nullopt;
  if (!record) return std::unexpected(record.error());
  build::Workshop* workshop = TRY(session.workshop());
  const ContainerChanges changes = TRY(container_changes(containers, *workshop, *record, INT64_MAX, cancel));
  auto before = TRY(fs::LowerTree::of_layers(changes.lowers));
  std::vector<std::string> all = changes.lowers;
  all.push_back(changes.draft.path() + "/diff");
  auto after = TRY(fs::LowerTree::of_layers(all));
  return TRY(fs::compare_trees(before, after, &cancel));
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  const bool as_json = arguments.value("format") == "json";
  if (arguments.on("config")) {
    if (words.size() == 2) return diff_configs(session, words, as_json);
    return std::unexpected(Error(ErrorKind::invalid, "--config compares two images, and there is one"));
  }
  const Interrupts interrupts;
  if (words.size() == 1) {
    const auto differences = TRY(container_differences(session, words[0], interrupts.token()));
    if (differences) {
      print_files(*differences, as_json, arguments.on("verbose"));
      return 0;
    }
  }
  build::Workshop* workshop = TRY(session.workshop());
  const std::vector<fs::Layer> first = TRY(layers_of(*workshop, words[0], interrupts.token()));
  std::vector<fs::Layer> before = first;
  std::vector<fs::Layer> after = first;
  if (words.size() == 2) {
    after = TRY(layers_of(*workshop, words[1], interrupts.token()));
  } else if (!before.empty()) {
    before.pop_back();
  }
  print_files(TRY(image_differences(*workshop, before, after, interrupts.token())), as_json,
              arguments.on("verbose"));
  return 0;
}

}  // namespace

const Verb& diff_verb() {
  static const Verb verb{
      .name = "diff",
      .operands = "CONTAINER|IMAGE[@STEP] [IMAGE2[@STEP]]",
      .summary = "Show what a container or an image's last layer changed, or how two images differ",
      .details =
          "A path is added (A), changed (C) or deleted (D). With IMAGE2: what turns IMAGE into IMAGE2. "
          "Layers that both images have are not read. IMAGE@3 is the image after the third entry of its "
          "history.",
      .flags = {{.name = "config",
                 .value = "",
                 .help = "compare the settings of two images, not their files"},
                {.name = "format",
                 .value = "FORMAT",
                 .help = "json",
                 .completion = Completion::word,
                 .words = {"json"}},
                {.name = "verbose",
                 .letter = 'v',
                 .value = "",
                 .help = "say in what a path changed: type, mode, owner, size, content, xattrs, time"}},
      .least_operands = 1,
      .most_operands = 2,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

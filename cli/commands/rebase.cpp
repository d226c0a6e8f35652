// verb: rebase
#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_edit.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

struct Base {
  oci::Image image;
  std::string name;  // for messages
};

bool is_below(const oci::Image& base, const oci::Image& image) {
  const std::size_t count = base.config.diff_ids.size();
  return count > 0 && oci::common_layers(image.config, base.config) == count;
}

// What the image says of itself; empty when it says nothing, or when that image is not here any more.
std::optional<Base> base_by_annotation(oci::ImageStore& images, const oci::Image& image) {
  for (const char* key : {oci::annotation::k_base_digest, oci::annotation::k_base_name}) {
    const auto found = image.manifest.annotations.find(key);
    if (found == image.manifest.annotations.end()) continue;
    auto base = open_image(images, found->second);
    if (base && is_below(*base, image)) return Base{std::move(*base), found->second};
  }
  return std::nullopt;
}

bool begins_with_history_of(const oci::Image& image, const oci::Image& base) {
  const auto& all = image.config.history;
  const auto& own = base.config.history;
  return own.size() <= all.size() &&
         std::ranges::equal(own, std::span(all).first(own.size()), {}, &oci::HistoryEntry::created_by,
                            &oci::HistoryEntry::created_by);
}

// The image of the store that has the most of the image's layers, and none that the image has not.
Result<std::optional<Base>> base_by_layers(oci::ImageStore& images, const oci::Image& image) {
  std::optional<Base> best;
  bool best_has_history = false;
  for (const oci::ImageRecord& record : TRY(images.list())) {
    auto candidate = images.load(record.manifest);
    if (!candidate) continue;  // damaged, or removed by now
    const std::size_t count = candidate->config.diff_ids.size();
    if (!is_below(*candidate, image) || count == image.config.diff_ids.size()) continue;
    const bool has_history = begins_with_history_of(image, *candidate);
    const std::size_t best_count = best ? best->image.config.diff_ids.size() : 0;
    if (count < best_count || (count == best_count && (best_has_history || !has_history))) continue;
    best_has_history = has_history;
    best = Base{std::move(*candidate), record.names.empty() ? short_id(record.id) : record.names.front()};
  }
  return best;
}

Result<Base> find_old_base(oci::ImageStore& images, const oci::Image& image, const Arguments& arguments) {
  if (const auto name = arguments.find("from")) return Base{TRY(open_image(images, *name)), *name};
  if (auto base = base_by_annotation(images, image)) return std::move(*base);
  if (auto base = TRY(base_by_layers(images, image))) return std::move(*base);
  return std::unexpected(Error(ErrorKind::not_found, fmt::format("no image in the store is the base of '{}'",
                                                                 printable(arguments.operands().front())))
                             .hint("name it with --from; it may have to be loaded first"));
}

Result<> tell_overlaps(const std::vector<build::RebaseOverlap>& overlaps, bool strict) {
  for (const build::RebaseOverlap& overlap : overlaps)
    log::warning("the image has a '{}' of its own: {}", printable(overlap.path), printable(overlap.reason));
  if (overlaps.empty() || !strict) return {};
  return std::unexpected(
      Error(ErrorKind::conflict,
            fmt::format("{} paths of the image are others in the new base", overlaps.size()))
          .hint("build the image anew, or leave out --strict to keep the image's"));
}

Outcome run(Session& session, const Arguments& arguments) {
  const EditTarget target = TRY(edit_target(session, arguments));
  const std::string& name = arguments.operands().front();
  const auto onto = arguments.find("onto");
  if (!onto)
    return std::unexpected(Error(ErrorKind::invalid, "the new base is missing").hint("give --onto IMAGE"));
  const bool strict = arguments.on("strict");
  build::Workshop* workshop = TRY(session.workshop());
  const Interrupts interrupts;
  const auto rebased = [&]() -> Result<oci::NewImage> {
    oci::ImageStore& images = workshop->images();
    const oci::Image image = TRY(open_image(images, name));
    const oci::Image new_base = TRY(open_image(images, *onto));
    const Base old = TRY(find_old_base(images, image, arguments));
    const std::size_t base_layers = old.image.config.diff_ids.size();
    oci::RebasedImage result = TRY(oci::rebase({image, old.image, new_base, *onto}, target.created));
    session.console().print(fmt::format("old base: {}, {} of {} layers", printable(old.name), base_layers,
                                        image.config.diff_ids.size()));
    for (const std::string& setting : result.conflicts)
      log::warning("{}: both the image and the new base changed it; the image's stays", printable(setting));
    if (!result.conflicts.empty() && strict)
      return fail(ErrorKind::conflict, "{} settings were changed by the image and by the new base",
                  result.conflicts.size());
    TRY(tell_overlaps(TRY(build::find_overlaps(*workshop, image, old.image, new_base, &interrupts.token())),
                      strict));
    return std::move(result.image);
  }();
  if (!rebased) return std::unexpected(Error(rebased.error()).context("rebasing " + printable(name)));
  return finish_edit(workshop->images(), *rebased, target);
}

}  // namespace

const Verb& rebase_verb() {
  static const Verb verb{
      .name = "rebase",
      .operands = "IMAGE",
      .summary = "Put an image's own layers on another base",
      .details =
          "As if the image had been built on the new base, without running anything: for a base with "
          "security "
          "fixes. Settings that came from the old base are taken from the new one. What the image changed "
          "and "
          "the new base changed too is told. The new image's ID is printed.",
      .flags = edit_flags(
          {{.name = "from",
            .value = "IMAGE",
            .help =
                "the base that the image was built on; default: the one that it names, else the one in the "
                "store that has most of its layers",
            .completion = Completion::image},
           {.name = "onto", .value = "IMAGE", .help = "the new base", .completion = Completion::image},
           {.name = "strict",
            .value = "",
            .help = "fail where the image and the new base changed the same"}}),
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

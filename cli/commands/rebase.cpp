// verb: rebase
#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "build/traced_rebase.hpp"
#include "cli/commands/commands.hpp"
#include "cli/environment.hpp"
#include "cli/image_edit.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/rebase_printer.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

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

struct Words {
  std::string name;  // of the image
  std::string onto;
  bool strict = false;
  bool may_run = true;
};

// Layers whose files may hide what the new base brought: not those of steps of which is known what they used.
std::vector<std::size_t> layers_to_check(const oci::Image& image, const oci::Image& old_base,
                                         const std::vector<build::OwnStep>* steps) {
  std::vector<std::size_t> layers;
  for (std::size_t i = old_base.config.diff_ids.size(); i < image.config.diff_ids.size(); ++i) {
    const bool is_known = steps && std::ranges::any_of(*steps, [&](const build::OwnStep& step) {
                            return step.layer == i && step.trace;
                          });
    if (!is_known) layers.push_back(i);
  }
  return layers;
}

std::string some_of(const std::vector<std::string>& steps) {
  constexpr std::size_t shown = 3;
  std::string text;
  for (std::size_t i = 0; i < steps.size() && i < shown; ++i)
    text += fmt::format("{}'{}'", i > 0 ? ", " : "", printable(steps[i], 80));
  if (steps.size() > shown) text += fmt::format(" and {} more", steps.size() - shown);
  return text;
}

Result<> tell_unknown(const std::string& what, bool strict) {
  if (!strict) {
    log::warning("{}", what);
    return {};
  }
  return std::unexpected(
      Error(ErrorKind::conflict, what)
          .hint("build the image with --cache=traced, or leave out --strict to carry them over as they are"));
}

Result<> tell_unknown_steps(const std::vector<std::string>& steps, bool strict) {
  if (steps.empty()) return {};
  return tell_unknown(fmt::format("it is not known what {} of the image used of the old base: {}",
                                  steps.size() == 1 ? "a step" : "steps", some_of(steps)),
                      strict);
}

std::vector<std::string> texts_of(const std::vector<const build::OwnStep*>& steps) {
  std::vector<std::string> texts;
  for (const build::OwnStep* step : steps) texts.push_back(step->text);
  return texts;
}

class Rebaser {
public:
  Rebaser(Session& session, build::Workshop& workshop, Words words, EditTarget target)
      : m_session(session),
        m_workshop(workshop),
        m_words(std::move(words)),
        m_target(std::move(target)),
        m_printer(session.console()) {}

  Result<oci::ImageRecord> run(const Arguments& arguments) {
    oci::ImageStore& images = m_workshop.images();
    const oci::Image image = TRY(open_image(images, m_words.name));
    const oci::Image new_base = TRY(open_image(images, m_words.onto));
    const Base old = TRY(find_old_base(images, image, arguments));
    const oci::Rebase rebase{image, old.image, new_base, m_words.onto};
    const oci::RebasedImage result = TRY(oci::rebase(rebase, m_target.created));
    m_session.console().print(fmt::format("old base: {}, {} of {} layers", printable(old.name),
                                          old.image.config.diff_ids.size(), image.config.diff_ids.size()));
    TRY(tell_conflicts(result.conflicts));
    const std::size_t first = oci::base_entries(image.config, old.image.config);
    const auto steps = TRY(build::own_steps(m_workshop, image, first));
    if (!steps) {
      TRY(tell_unknown(
          "the image's history does not say which steps made its layers, so that it is not known "
          "what they used of the old base",
          m_words.strict));
    } else if (m_words.strict || !m_words.may_run) {
      TRY(tell_unknown_steps(texts_of(build::unknown_steps(*steps)), m_words.strict));
    }
    const std::vector<std::size_t> layers =
        layers_to_check(image, old.image, steps && m_words.may_run ? &*steps : nullptr);
    TRY(tell_overlaps(TRY(build::find_overlaps(m_workshop, image, layers, old.image, new_base, token())),
                      m_words.strict));
    if (!steps) return oci::store_image(images, result.image, m_target.names);
    const build::StepRebase request{.image = image,
                                    .old_base = old.image,
                                    .new_base = new_base,
                                    .name = m_words.name,
                                    .new_base_name = m_words.onto,
                                    .strict = m_words.strict,
                                    .proxy_environment = proxy_environment(m_session.environment()),
                                    .now = m_session.now()};
    if (!m_words.may_run) {
      TRY(tell_differences(TRY(build::steps_that_differ(m_workshop, request, *steps, m_interrupts.token()))));
      return oci::store_image(images, result.image, m_target.names);
    }
    const build::RebasedSteps rebased =
        TRY(build::rebase_steps(m_workshop, request, *steps, m_printer, m_interrupts.token(), &m_failed));
    TRY(tell_unknown_steps(rebased.unknown, false));
    m_session.console().print(rebase_summary(rebased));
    const oci::RebasedImage made =
        TRY(oci::rebase({rebased.image, old.image, new_base, m_words.onto}, m_target.created));
    const oci::ImageRecord record = TRY(oci::store_image(images, made.image, m_target.names));
    TRY(build::record_rebase(m_workshop, request, *steps, rebased, record));
    return record;
  }

  const build::FailedStep& failed() const { return m_failed; }

private:
  const CancelToken* token() const { return &m_interrupts.token(); }

  Result<> tell_conflicts(const std::vector<std::string>& settings) const {
    for (const std::string& setting : settings)
      log::warning("{}: both the image and the new base changed it; the image's stays", printable(setting));
    if (settings.empty() || !m_words.strict) return {};
    return fail(ErrorKind::conflict, "{} settings were changed by the image and by the new base",
                settings.size());
  }

  Result<> tell_differences(const std::vector<std::string>& differences) const {
    for (const std::string& difference : differences) log::warning("{}", difference);
    if (differences.empty() || !m_words.strict) return {};
    return std::unexpected(Error(ErrorKind::conflict, "steps of the image used what differs in the new base")
                               .hint("leave out --no-run: then they run again"));
  }

  Session& m_session;
  build::Workshop& m_workshop;
  const Words m_words;
  const EditTarget m_target;
  const Interrupts m_interrupts;
  RebasePrinter m_printer;
  build::FailedStep m_failed;
};

Outcome run(Session& session, const Arguments& arguments) {
  const EditTarget target = TRY(edit_target(session, arguments));
  const auto onto = arguments.find("onto");
  if (!onto)
    return std::unexpected(Error(ErrorKind::invalid, "the new base is missing").hint("give --onto IMAGE"));
  const Words words{.name = arguments.operands().front(),
                    .onto = *onto,
                    .strict = arguments.on("strict"),
                    .may_run = !arguments.on("no-run")};
  build::Workshop* workshop = TRY(session.workshop());
  Rebaser rebaser(session, *workshop, words, target);
  auto rebased = rebaser.run(arguments);
  if (rebased) {
    print_line(rebased->id.digest.to_string());
    return 0;
  }
  const build::FailedStep& failed = rebaser.failed();
  const Error error = std::move(rebased).error().context("rebasing " + printable(words.name));
  const int code = failed.exit_code != 0 ? failed.exit_code : 125;
  if (failed.kept.empty()) return std::unexpected(Failure(error, code));
  return std::unexpected(Failure(
      Error(error).hint(fmt::format("'ecrin debug {}' opens the step as it was left", failed.kept)), code));
}

}  // namespace

const Verb& rebase_verb() {
  static const Verb verb{
      .name = "rebase",
      .operands = "IMAGE",
      .summary = "Put an image's own layers on another base",
      .details =
          "As if the image had been built on the new base: for a base with security fixes. Steps that were "
          "built with --cache=traced run again where something that they used differs, and are carried over "
          "where nothing does; it is told which and why. Settings that came from the old base are taken from "
          "the new one. What the image changed and the new base changed too is told. The new image's ID is "
          "printed.",
      .flags = edit_flags(
          {{.name = "from",
            .value = "IMAGE",
            .help =
                "the base that the image was built on; default: the one that it names, else the one in the "
                "store that has most of its layers",
            .completion = Completion::image},
           {.name = "no-run",
            .value = "",
            .help = "run nothing: carry all layers over as they are, and tell which steps would have to run"},
           {.name = "onto", .value = "IMAGE", .help = "the new base", .completion = Completion::image},
           {.name = "strict",
            .value = "",
            .help =
                "fail where the image and the new base changed the same, and where it is not known what a "
                "step used"}}),
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli

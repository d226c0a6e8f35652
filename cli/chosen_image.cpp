#include "cli/chosen_image.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/image_steps.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/registries.hpp"
#include "run/emulation/machine.hpp"
#include "run/emulation/platform_support.hpp"

namespace ecrin::cli {

Result<ChosenImage> choose_image(Session& session, const std::string& words,
                                 const std::optional<oci::Platform>& platform, const Arguments& arguments) {
  // Only this part may take long and has no program yet that could be told: here a signal stops ecrin itself.
  const Interrupts interrupts;
  const build::PullPolicy policy = TRY(pull_policy(arguments, "pull"));
  build::Workshop& workshop = *TRY(session.workshop());
  const StepName name = TRY(parse_step_name(words));
  const oci::Platform wanted = platform.value_or(oci::Platform::host());
  const auto obtain = [&]() -> Result<oci::ImageRecord> {
    const auto registries = TRY(open_registries(session, arguments, interrupts));
    const ProgressKind progress = arguments.on("quiet") ? ProgressKind::quiet : ProgressKind::automatic;
    return image_obtainer(session, workshop, *registries, policy, progress)(name.image, wanted,
                                                                            interrupts.token());
  };
  // What is here and shall not be renewed needs no registry, nor the files that say where there are some.
  std::optional<oci::ImageStore::Loaded> here;
  if (policy == build::PullPolicy::missing || policy == build::PullPolicy::never) {
    auto found = workshop.images().find_and_load(name.image, wanted);
    if (found) here = std::move(*found);
  }
  if (!here) {
    oci::ImageRecord record = TRY(obtain());
    oci::Image loaded = TRY(workshop.images().load(record.manifest));
    here.emplace(std::move(record), std::move(loaded));
  }
  auto& [record, image] = *here;
  if (!wanted.accepts(image.config.platform))
    log::warning("'{}' is an image for {}, not for {}", printable(words, 300),
                 printable(image.config.platform.to_string(), 100), wanted.to_string());
  if (name.step) {
    build::ImageAtStep at = TRY(build::image_at_step(workshop.store().database(), image, *name.step));
    if (!at.settings_known)
      session.console().print(
          "note: the image was not built here: environment, user and work directory are those "
          "of the whole image");
    image = std::move(at.image);
  }
  std::vector<fs::Layer> layers =
      TRY_WHILE(workshop.unpack(image, &interrupts.token()), "unpacking {}", printable(words));
  return ChosenImage{.image = std::move(image), .manifest = record.manifest, .layers = std::move(layers)};
}

Result<> support_programs(Session& session, const oci::ImageConfig& image,
                          const std::optional<oci::Platform>& platform) {
  const auto support = [&session](const oci::Platform& wanted) -> Result<> {
    TRY(session.enter_namespace());
    TRY(run::support_platform(wanted, session.search_path()));
    return {};
  };
  if (platform) TRY(support(*platform));
  // Images that were made by hand say all sorts of things, and a directory of the user's says nothing.
  const auto said = oci::Platform::parse(image.platform.to_string());
  if (said && run::find_machine(said->architecture)) TRY(support(*said));
  return {};
}

}  // namespace ecrin::cli

#include "cli/registries.hpp"

#include "base/text.hpp"

namespace ecrin::cli {

Result<std::unique_ptr<oci::RegistryImages>> open_registries(Session& session, const Arguments& arguments,
                                                             const Interrupts& interrupts) {
  oci::RegistryAccess access = TRY(registry_access(arguments, surroundings(session), interrupts));
  auto transport = oci::make_transport({.proxies = proxy_environment(session.environment())});
  return std::make_unique<oci::RegistryImages>(std::move(transport), std::move(access));
}

Result<build::PullPolicy> pull_policy(const Arguments& arguments, std::string_view flag) {
  const auto word = arguments.find(flag);
  return word ? build::parse_pull_policy(*word) : build::PullPolicy::missing;
}

build::ImageObtainer image_obtainer(Session& session, build::Workshop& workshop,
                                    oci::RegistryImages& registries, build::PullPolicy policy,
                                    ProgressKind progress) {
  return [&session, &workshop, &registries, policy, progress](
             const std::string& name, const oci::Platform& platform,
             const CancelToken& cancel) -> Result<oci::ImageRecord> {
    const auto shown = make_transfer_progress(progress, session.console(), session.style(), steady_clock());
    build::PullOptions options;
    options.platform = platform;
    options.policy = policy;
    auto record = build::obtain_image(workshop, registries, name, options, *shown, &cancel);
    shown->end();
    return record;
  };
}

Result<oci::Reference> parse_registry_name(const std::string& text) {
  std::string_view name = text;
  if (name.starts_with("docker://")) name.remove_prefix(9);
  return oci::Reference::parse(name);
}

std::vector<Flag> pull_flags() {
  return {{.name = "pull",
           .value = "WHEN",
           .help = "an image: missing (default), always, newer or never",
           .completion = Completion::word,
           .words = {"missing", "always", "newer", "never"}},
          {.name = "quiet", .letter = 'q', .value = "", .help = "say nothing while an image is pulled"}};
}

}  // namespace ecrin::cli

#include "cli/container_root.hpp"

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/image_steps.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/registries.hpp"

namespace ecrin::cli {

Result<RootTree> open_image_root(Session& session, const std::string& words,
                                 const std::optional<oci::Platform>& platform, const Arguments& arguments) {
  // Only this part may take long and has no program yet that could be told: here a signal stops ecrin itself.
  const Interrupts interrupts;
  const build::PullPolicy policy = TRY(pull_policy(arguments, "pull"));
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::Workshop& workshop = *TRY(session.workshop());
  const ProgressKind progress = arguments.on("quiet") ? ProgressKind::quiet : ProgressKind::automatic;
  const auto obtain = image_obtainer(session, workshop, *registries, policy, progress);
  const StepName name = TRY(parse_step_name(words));
  const oci::Platform wanted = platform.value_or(oci::Platform::host());
  const oci::ImageRecord record = TRY(obtain(name.image, wanted, interrupts.token()));
  oci::Image image = TRY(workshop.images().load(record.manifest));
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
  const std::vector<fs::Layer> layers =
      TRY_WHILE(workshop.unpack(image, &interrupts.token()), "unpacking {}", printable(words));
  build::TreeMount mount = TRY(build::mount_layers(workshop, layers, build::Access::writable));
  std::string path = mount.tree->path();
  RootTree root{.path = std::move(path), .image = std::move(image.config), .mount = std::move(mount)};
  return root;
}

Result<RootTree> open_directory_root(const std::string& words) {
  std::string path = TRY(absolute_path(words));
  TRY(posix::open(path, O_PATH | O_DIRECTORY));
  return RootTree{.path = std::move(path), .image = {}, .mount = {}};
}

void remove_made_mount_points(const std::string& path, const std::vector<std::string>& points) {
  const auto rootfs = posix::open(path, O_PATH | O_DIRECTORY);
  if (!rootfs) return;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    const std::size_t slash = point->rfind('/');
    const std::string name = slash == std::string::npos ? *point : point->substr(slash + 1);
    const auto parent = posix::open_in_root(
        *rootfs, slash == std::string::npos ? "" : point->substr(0, slash), O_PATH | O_DIRECTORY);
    if (!parent) continue;
    const auto status = posix::lstat_at(*parent, name);
    if (!status) continue;
    // A directory with something in it, or a file that was written, is the program's work by now.
    if (S_ISDIR(status->st_mode)) (void)posix::unlink_at(*parent, name, AT_REMOVEDIR);
    if (S_ISREG(status->st_mode) && status->st_size == 0) (void)posix::unlink_at(*parent, name);
  }
}

int exit_code_of_start(const Error& error) {
  if (error.kind() == ErrorKind::program_not_found) return 127;
  if (error.kind() == ErrorKind::program_not_executable) return 126;
  return 125;
}

}  // namespace ecrin::cli

#include "cli/container_root.hpp"

#include "base/posix.hpp"
#include "cli/chosen_image.hpp"

namespace ecrin::cli {

Result<RootTree> open_image_root(Session& session, const std::string& words,
                                 const std::optional<oci::Platform>& platform, const Arguments& arguments) {
  ChosenImage chosen = TRY(choose_image(session, words, platform, arguments));
  build::Workshop& workshop = *TRY(session.workshop());
  build::TreeMount mount = TRY(build::mount_layers(workshop, chosen.layers, build::Access::writable));
  std::string path = mount.tree->path();
  RootTree root{.path = std::move(path), .image = std::move(chosen.image.config), .mount = std::move(mount)};
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

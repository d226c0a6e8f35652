// RootTree: the tree that a container runs on while this process lives: the layers of an image with an
// upper directory that is thrown away, or a directory of the user's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/workshop.hpp"
#include "cli/arguments.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

struct RootTree {
  std::string path;
  oci::ImageConfig image;  // of a directory: empty
  build::TreeMount mount;
};

/// `words` may name a step of an image. `arguments` say how one that is missing is pulled.
Result<RootTree> open_image_root(Session& session, const std::string& words,
                                 const std::optional<oci::Platform>& platform, const Arguments& arguments);
Result<RootTree> open_directory_root(const std::string& path);

/// Mount points that a container needed in a directory of the user's are not left there.
void remove_made_mount_points(const std::string& path, const std::vector<std::string>& points);

/// podman and docker: 127 no such program, 126 it cannot be executed, 125 anything before.
int exit_code_of_start(const Error& error);

}  // namespace ecrin::cli

// A new container: its image is there and unpacked, its directory is made and its row is in the table.
#pragma once

#include "base/file_lock.hpp"
#include "cli/container_request.hpp"
#include "cli/session.hpp"
#include "run/monitor/container_place.hpp"
#include "run/monitor/container_table.hpp"

namespace ecrin::cli {

struct NewContainer {
  run::StoredContainer record;
  ContainerRequest request;  // with the program that was chosen
  oci::ImageConfig image;
  run::ContainerPlace place;
  FileLock lock;
};

enum class Program { of_image, shell };
/// `arguments` say how an image that is missing is pulled. --cidfile is written.
Result<NewContainer> create_container(Session& session, const ContainerRequest& asked,
                                      const Arguments& arguments, Program program = Program::of_image);

/// Takes a container away with all that belongs to it; with its lock held, inside the user namespace.
Result<> remove_container(Store& store, const std::string& id);

}  // namespace ecrin::cli

#include "cli/image_mounts.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include "base/child.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "cli/image_names.hpp"
#include "fs/fuse_mount.hpp"
#include "fs/lasting_tree.hpp"

namespace ecrin::cli {
namespace {

using Kind = build::ImageMount::Kind;

// What outside can be mounted with. A wanted driver that cannot be had is an error with the fix.
Result<Kind> choose_outside(const Session& session) {
  const auto wanted = session.wanted_driver();
  if (wanted == fs::DriverKind::copy) return Kind::copy;
  if (wanted == fs::DriverKind::overlay) {
    return std::unexpected(
        Error(ErrorKind::unsupported,
              "an overlay mount of an ordinary user is seen only in its own namespace")
            .hint("'ecrin unshare' opens a shell there; 'ecrin image mount' inside it shows such mounts"));
  }
  std::string problem;
  for (const char* program : {"fuse-overlayfs", "fusermount3"}) {
    if (find_program(program, session.search_path()).empty())
      problem = fmt::format("there is no {}", program);
  }
  if (::access("/dev/fuse", R_OK | W_OK) != 0) problem = "/dev/fuse cannot be opened";
  if (problem.empty()) return Kind::fuse;
  if (wanted == fs::DriverKind::fuse_overlayfs) {
    return std::unexpected(
        Error(ErrorKind::unsupported, "cannot mount with fuse-overlayfs: " + problem)
            .hint("install fuse-overlayfs and fuse3, and let users open /dev/fuse; or leave out --driver"));
  }
  log::info("the image is copied, because {}", problem);
  return Kind::copy;
}

// --fuse asks for one way to mount: what stands against it is an error.
Result<> check_own_server(const Session& session, bool is_shared) {
  if (is_shared) {
    return std::unexpected(
        Error(ErrorKind::unsupported, "--fuse mounts where all programs see it, which this session cannot")
            .hint("leave out --fuse, or mount outside of 'ecrin unshare'"));
  }
  if (const auto wanted = session.wanted_driver())
    return fail(ErrorKind::invalid, "--fuse does not go with the driver {}", fs::to_string(*wanted));
  if (find_program("fusermount3", session.search_path()).empty()) {
    return std::unexpected(Error(ErrorKind::unsupported, "cannot mount with FUSE: there is no fusermount3")
                               .hint("install fuse3"));
  }
  if (::access("/dev/fuse", R_OK | W_OK) != 0) {
    return std::unexpected(Error(ErrorKind::unsupported, "cannot mount with FUSE: /dev/fuse cannot be opened")
                               .hint("load the module fuse, and let users open /dev/fuse"));
  }
  return {};
}

Result<std::optional<build::ImageMount>> find_mount(build::ImageMounts& mounts, const std::string& manifest,
                                                    const std::optional<SharedNamespace>& shared) {
  for (build::ImageMount& mount : TRY(mounts.list())) {
    // A FUSE mount from outside is seen in a session only when it is the older one.
    const bool in_the_making = mount.kind == Kind::copy && !mount.lease.empty();
    const bool usable = is_visible(mount, shared) && !(shared && mount.kind == Kind::fuse) && !in_the_making;
    if (mount.manifest == manifest && usable) return std::move(mount);
  }
  return std::nullopt;
}

Result<> make_tree(build::Workshop& workshop, const fs::LastingRequest& request, build::ImageMount& mount,
                   const std::optional<SharedNamespace>& shared, const CancelToken& cancel) {
  const bool overlay =
      shared && (*TRY(workshop.driver())).kind() == fs::DriverKind::overlay && !request.layers.empty();
  if (!overlay) {
    TRY(fs::copy_lasting_tree(request, &cancel));
    mount.lease.clear();
    return {};
  }
  mount.kind = Kind::overlay;
  mount.name_space = shared->name;
  TRY(fs::mount_lasting_overlay(request));
  return workshop.store().tie_lease_to(shared->lease);
}

// An overlay mount in the namespace where we are, or a copy.
Result<std::string> mount_here(Session& session, const std::string& words,
                               const std::optional<SharedNamespace>& shared, const CancelToken& cancel) {
  if (shared) TRY(session.stay_in_namespace());
  build::Workshop* workshop = TRY(session.workshop());
  build::ImageMounts mounts = TRY(build::ImageMounts::open(workshop->store()));
  const oci::ImageRecord record = TRY(find_image(workshop->images(), words));
  if (const auto there = TRY(find_mount(mounts, record.manifest.to_string(), shared)))
    return mounts.path(*there);
  const oci::Image image = TRY(workshop->images().load(record.manifest));
  // A copy in the making belongs to this process.
  build::ImageMount mount{.id = Store::unique_name(),
                          .manifest = record.manifest.to_string(),
                          .image = record.id.digest.to_string(),
                          .lease = workshop->store().lease()};
  const auto made = [&]() -> Result<> {
    TRY(mounts.put(mount));
    fs::LastingRequest request{
        .layers = build::distinct_layer_paths(*workshop, TRY(workshop->unpack(image, &cancel)))};
    request.scratch = TRY(mounts.make_directory(mount.id));
    TRY(make_tree(*workshop, request, mount, shared, cancel));
    return mounts.put(mount);
  }();
  if (!made) {
    if (mount.kind == Kind::overlay) (void)::umount2(mounts.path(mount).c_str(), MNT_DETACH);
    mount.lease.clear();  // it is this process's own
    if (auto removed = mounts.remove(mount); !removed) log::warning("{}", removed.error().message());
    return std::unexpected(made.error());
  }
  return mounts.path(mount);
}

}  // namespace

Result<std::string> mount_namespace_name() {
  const Fd directory = TRY(posix::open("/proc/self/ns", O_RDONLY | O_DIRECTORY));
  return posix::readlink_at(directory, "mnt");
}

std::optional<SharedNamespace> shared_namespace(const Environment& environment) {
  const auto text = environment(k_shared_namespace_variable);
  const auto name = mount_namespace_name();
  if (!text || !name) return std::nullopt;
  const std::vector<std::string> parts = split(*text, ' ');
  // The variable may have come out of the session, with a program that left it.
  if (parts.size() != 2 || parts[1] != *name) return std::nullopt;
  return SharedNamespace{.lease = parts[0], .name = parts[1]};
}

bool is_visible(const build::ImageMount& mount, const std::optional<SharedNamespace>& shared) {
  return mount.kind != Kind::overlay || (shared && shared->name == mount.name_space);
}

Result<std::string> mount_image(Session& session, const std::string& image, FuseServer server,
                                const CancelToken& cancel) {
  const auto shared = shared_namespace(session.environment());
  if (server == FuseServer::ecrin) {
    TRY(check_own_server(session, shared.has_value()));
    return mount_outside(session, image, server, cancel);
  }
  if (shared) return mount_here(session, image, shared, cancel);
  if (TRY(choose_outside(session)) == Kind::copy) return mount_here(session, image, shared, cancel);
  return mount_outside(session, image, server, cancel);
}

Result<> unmount_image(Session& session, build::ImageMounts& mounts, const build::ImageMount& mount,
                       Force force) {
  const std::string path = mounts.path(mount);
  switch (mount.kind) {
    case Kind::fuse:
      if (shared_namespace(session.environment())) {
        return std::unexpected(Error(ErrorKind::unsupported,
                                     fmt::format("'{}' was mounted outside of this session", printable(path)))
                                   .hint("unmount it outside of 'ecrin unshare'"));
      }
      TRY(fs::unmount_fuse(path, force == Force::yes ? fs::Unmount::lazy : fs::Unmount::when_idle,
                           session.search_path()));
      return mounts.remove(mount);
    case Kind::overlay:
      if (::umount2(path.c_str(), force == Force::yes ? MNT_DETACH : 0) != 0) {
        auto error = fail_errno("cannot unmount '{}'", printable(path));
        return std::unexpected(
            std::move(error).error().hint("leave the directory in all shells and programs, or give --force"));
      }
      return mounts.remove(mount);
    case Kind::copy: {
      // Its files have owners that exist in our user namespace only.
      build::Workshop* workshop = TRY(session.workshop());
      build::ImageMounts inside = TRY(build::ImageMounts::open(workshop->store()));
      return inside.remove(mount);
    }
  }
  return {};
}

Result<> clear_dead_mounts(Session& session) {
  Store& store = TRY(session.images())->blobs().store();
  build::ImageMounts mounts = TRY(build::ImageMounts::open(store));
  for (const build::ImageMount& mount : TRY(mounts.dead())) {
    if (mount.kind == Kind::fuse)
      (void)fs::unmount_fuse(mounts.path(mount), fs::Unmount::lazy, session.search_path());
    // What belongs to other ids is left to prune.
    if (auto removed = mounts.remove(mount); !removed) log::debug("{}", removed.error().message());
  }
  return {};
}

}  // namespace ecrin::cli

#include "cli/containers/container_files.hpp"

#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "build/image_edit.hpp"
#include "cli/container_mounts.hpp"
#include "fs/changeset.hpp"
#include "fs/lasting_tree.hpp"
#include "fs/lower_tree.hpp"
#include "fs/tree.hpp"
#include "run/monitor/control.hpp"
#include "run/monitor/join.hpp"

namespace ecrin::cli {
namespace {

constexpr std::chrono::seconds k_patience{15};

Result<Fd> root_of_running(Session& session, Containers& containers, const run::StoredContainer& record) {
  const Fd socket = TRY(containers.connect(record));
  std::vector<Fd> received;
  TRY(run::ask(socket, {{"verb", "root"}}, {}, received));
  if (received.empty()) return fail(ErrorKind::invalid, "the container's monitor gave no directory");
  // What fuse-overlayfs shows is there for processes of that namespace only.
  TRY_WHILE(run::join_monitor(socket), "joining container '{}'", record.name);
  TRY(session.stay_in_namespace());
  return std::move(received.front());
}

std::vector<std::string> mount_points(const StoredRequest& stored) {
  std::vector<std::string> points = {"dev", "proc", "sys", "etc/resolv.conf", "etc/hosts", "etc/hostname"};
  for (const MountSpec& mount : all_mounts(stored.request, stored.image)) {
    const std::size_t first = mount.destination.find_first_not_of('/');
    std::string point = first == std::string::npos ? "" : mount.destination.substr(first);
    while (point.ends_with('/')) point.pop_back();
    // Parents may have been made for it.
    for (std::size_t slash = point.find('/'); slash != std::string::npos; slash = point.find('/', slash + 1))
      points.push_back(point.substr(0, slash));
    points.push_back(point);
  }
  return points;
}

}  // namespace

Result<ContainerRoot> ContainerRoot::open(Session& session, const std::string& words) {
  ContainerRoot root;
  Containers containers = TRY(Containers::open(session));
  root.m_record = TRY(containers.find(words));
  if (is_active(root.m_record.state) && root.m_record.state.status != run::LifeStatus::restarting) {
    root.m_root = TRY(root_of_running(session, containers, root.m_record));
    root.m_workshop = TRY(session.workshop());
    return root;
  }
  root.m_workshop = TRY(session.workshop());
  const run::ContainerPlace place = TRY(containers.place(root.m_record));
  root.m_lock = TRY(place.lock(k_patience));
  if (!root.m_lock)
    return fail(ErrorKind::conflict, "container '{}' is in use by another process", root.m_record.name);
  const StoredRequest stored = TRY(decode_request(root.m_record.request));
  if (stored.request.is_rootfs) {
    root.m_tree.path = stored.request.image;
  } else {
    root.m_tree = TRY(open_container_tree(*root.m_workshop, root.m_record, place));
  }
  root.m_root = TRY(posix::open(root.m_tree.path, O_RDONLY | O_DIRECTORY));
  return root;
}

Result<> ContainerRoot::finish() {
  m_root.reset();
  if (m_tree.mount) TRY(m_tree.mount->finish());
  m_tree.mount.reset();
  return {};
}

Result<ContainerChanges> container_changes(Containers& containers, build::Workshop& workshop,
                                           const run::StoredContainer& record, std::int64_t epoch,
                                           const CancelToken& cancel) {
  const StoredRequest stored = TRY(decode_request(record.request));
  if (stored.request.is_rootfs)
    return fail(ErrorKind::unsupported, "container '{}' runs in a directory of its own: it has no layers",
                record.name);
  const run::ContainerPlace place = TRY(containers.place(record));
  const std::vector<fs::Layer> layers = TRY(container_layers(workshop, record));
  std::vector<std::string> lowers = build::layer_paths(workshop, layers);
  fs::LayerDraft draft = TRY(workshop.layers().draft());
  const std::string scratch = place.path() + "/scratch";
  const bool is_copy = posix::open(scratch + "/whole", O_PATH).has_value();
  if (is_copy) {
    TRY(fs::collect_lasting_copy({.layers = lowers, .scratch = scratch, .upper = draft.path() + "/diff"},
                                 &cancel));
  } else {
    const Fd upper = TRY(posix::open(place.path() + "/upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(fs::copy_tree(upper, draft.diff(), fs::Hardlinks::keep));
  }
  fs::LowerTree lower = TRY(fs::LowerTree::of_layers(lowers));
  const fs::CanonicalOptions options{.epoch = epoch, .own_mount_points = mount_points(stored)};
  TRY(fs::canonicalise(draft.diff(), lower, options, &cancel));
  return ContainerChanges{.draft = std::move(draft), .lowers = std::move(lowers)};
}

}  // namespace ecrin::cli

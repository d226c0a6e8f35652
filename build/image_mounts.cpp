#include "build/image_mounts.hpp"

#include <array>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"(
CREATE TABLE image_mounts (
  id TEXT PRIMARY KEY,        -- directory name under mounts/
  manifest TEXT NOT NULL,
  image TEXT NOT NULL,
  kind TEXT NOT NULL,         -- fuse, overlay, copy
  lease TEXT NOT NULL,
  name_space TEXT NOT NULL,
  boot_id TEXT NOT NULL
) WITHOUT ROWID;
)"};

using Kind = ImageMount::Kind;

Result<std::string> read_boot_id() {
  return std::string(trim(TRY(posix::read_file("/proc/sys/kernel/random/boot_id"))));
}

Kind parse_kind(const std::string& text) {
  return text == "fuse" ? Kind::fuse : text == "overlay" ? Kind::overlay : Kind::copy;
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::fuse:
      return "fuse";
    case Kind::overlay:
      return "overlay";
    case Kind::copy:
      return "copy";
  }
  return "copy";
}

Result<ImageMounts> ImageMounts::open(Store& store) {
  TRY(store.database().migrate("image_mounts", k_schema));
  return ImageMounts(store);
}

Result<std::string> ImageMounts::make_directory(const std::string& id) {
  TRY(m_store->subdirectory("mounts/" + id));
  return directory(id);
}

std::string ImageMounts::directory(const std::string& id) const {
  return m_store->path() + "/mounts/" + id;
}

Result<> ImageMounts::put(const ImageMount& mount) {
  const std::string boot_id = TRY(read_boot_id());
  auto insert = TRY(m_store->database().prepare(
      "INSERT OR REPLACE INTO image_mounts (id, manifest, image, kind, lease, name_space, boot_id) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  return insert.bind(1, mount.id)
      .bind(2, mount.manifest)
      .bind(3, mount.image)
      .bind(4, to_string(mount.kind))
      .bind(5, mount.lease)
      .bind(6, mount.name_space)
      .bind(7, boot_id)
      .run();
}

Result<std::vector<ImageMount>> ImageMounts::list_where(State wanted) {
  const std::string boot_id = TRY(read_boot_id());
  const auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare(
      "SELECT id, manifest, image, kind, lease, name_space, boot_id FROM image_mounts ORDER BY id"));
  std::vector<ImageMount> mounts;
  while (TRY(select.step()) == Statement::Step::row) {
    ImageMount mount{.id = select.text(0),
                     .manifest = select.text(1),
                     .image = select.text(2),
                     .kind = parse_kind(select.text(3)),
                     .lease = select.text(4),
                     .name_space = select.text(5)};
    const bool this_boot = select.text(6) == boot_id;
    const bool alive = this_boot && (mount.lease.empty() || TRY(m_store->is_alive(mount.lease)));
    if (alive == (wanted == State::alive)) mounts.push_back(std::move(mount));
  }
  return mounts;
}

Result<std::vector<ImageMount>> ImageMounts::list() {
  return list_where(State::alive);
}

Result<std::vector<ImageMount>> ImageMounts::dead() {
  return list_where(State::dead);
}

Result<> ImageMounts::remove(const ImageMount& mount) {
  const Fd mounts = TRY(m_store->subdirectory("mounts"));
  TRY(fs::remove_tree(mounts, mount.id));
  if (!mount.lease.empty()) TRY(m_store->end_lease(mount.lease));
  auto remove = TRY(m_store->database().prepare("DELETE FROM image_mounts WHERE id = ?1"));
  return remove.bind(1, mount.id).run();
}

Result<std::set<std::string>> ImageMounts::mounted_manifests() {
  std::set<std::string> manifests;
  for (const ImageMount& mount : TRY(list())) manifests.insert(mount.manifest);
  return manifests;
}

}  // namespace ecrin::build

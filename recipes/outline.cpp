#include "recipes/outline.hpp"

#include <map>

namespace ecrin::recipes {
namespace {

void unite(std::vector<OutlineMount>& mounts) {
  std::vector<OutlineMount> united;
  std::map<std::string, std::size_t> known;
  for (OutlineMount& mount : mounts) {
    const auto [place, is_new] = known.emplace(mount.id, united.size());
    if (is_new) {
      united.push_back(std::move(mount));
    } else {
      OutlineMount& first = united[place->second];
      first.required = first.required || mount.required;
    }
  }
  mounts = std::move(united);
}

}  // namespace

void add_mount(Outline& outline, const Mount& mount, Location location) {
  if (mount.type == Mount::Type::secret) {
    outline.secrets.push_back({mount.id, mount.required, location});
  } else if (mount.type == Mount::Type::ssh) {
    outline.ssh.push_back({mount.id, mount.required, location});
  } else if (mount.type == Mount::Type::cache) {
    outline.caches.push_back({mount.id.empty() ? mount.target : mount.id, false, location});
  }
}

void unite_mounts(Outline& outline) {
  for (auto* mounts : {&outline.secrets, &outline.ssh, &outline.caches}) unite(*mounts);
}

}  // namespace ecrin::recipes

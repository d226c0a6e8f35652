// Volumes: directories that outlive containers. <store>/volumes/NAME/ has "data", which containers mount, and
// "volume.json", which says when it was made and for what; it is made elsewhere and moved here whole.
//
// A volume is in use while a process that mounts it lives (a hold of its lease), and while there is a
// container that has it, running or not (table `volume_uses`). What is in use is never removed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/store.hpp"

namespace ecrin::build {

struct Volume {
  std::string name;
  std::int64_t created = 0;  // seconds since 1970
  std::map<std::string, std::string> labels;
  bool anonymous = false;  // made for one container, which it goes with
};

/// Letters, digits, '_', '.' and '-'.
bool is_volume_name(std::string_view name);
/// Of one that nobody named.
std::string new_volume_name();

class Volumes {
public:
  /// Makes the table.
  static Result<Volumes> open(Store& store);

  std::string path(const std::string& name) const;  // of its data
  Result<std::vector<Volume>> list();               // by name
  Result<std::optional<Volume>> find(const std::string& name);
  /// The same, and it must be there.
  Result<Volume> need(const std::string& name);
  /// An empty one, held by this process. One that is there is a conflict.
  Result<> create(const Volume& volume);
  /// Holds it for this process. Is it there?
  Result<bool> hold(const std::string& name);
  /// The names of those that containers and other processes use.
  Result<std::set<std::string>> used();
  /// Takes it away unless it is in use.
  Result<> remove(const std::string& name);
  /// Removes those that are not in use and that `choose` names; gives what they took.
  struct Pruned {
    std::vector<std::string> names;
    std::uint64_t bytes = 0;
  };
  Result<Pruned> prune(const std::function<bool(const Volume&)>& choose);

  /// An empty volume gets what the image has at its place: content, owner and mode. Several containers at
  /// once do it once; a kill in the middle leaves it to the next one. What is in it is never taken away.
  Result<> fill(const std::string& name, const Fd& rootfs, const std::string& place,
                const CancelToken* cancel);

  // ---- of containers, by ID -------------------------------------------------------------------------------

  /// It has the volume from now on, at this place.
  Result<> attach(const std::string& container, const std::string& place, const std::string& volume);
  /// By place.
  Result<std::map<std::string, std::string>> attached(const std::string& container);
  /// The container is gone: what it had is not used by it any more. The names of those that were made for it
  /// alone are given back; remove() takes them away.
  Result<std::vector<std::string>> detach(const std::string& container);
  /// The IDs of the containers that have it.
  Result<std::vector<std::string>> containers_of(const std::string& volume);

private:
  explicit Volumes(Store& store) : m_store(&store) {}
  Result<> retire(const std::string& name);
  Store* m_store;
};

/// What a place of the image has, into an empty directory in `parent`.
Result<> copy_up(const Fd& parent, const std::string& directory, const Fd& rootfs, const std::string& place);

}  // namespace ecrin::build

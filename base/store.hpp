// Store: the directory that everything lives in, with its database and its leases. Knows nothing of what is
// stored: images, layers, containers add tables and folders of their own.
//
//   <root>/db.sqlite          names and facts; a row never points to something that is not whole
//   <root>/reserve            space for prune to work in when there is none left
//   <root>/tmp/<lease>/       work in progress of one live process; its lock file is tmp/<lease>.lock
//
// Lease: a process that uses the store holds one lease = a locked file. What a lease holds is not garbage.
// The lock dies with the process, so a lease whose file can be locked is dead: its temporary tree and its
// holds are garbage, found by `dead_leases` and cleared by prune. No daemon, no clean-up at boot.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/database.hpp"
#include "base/fd.hpp"
#include "base/file_lock.hpp"

namespace ecrin {

class Store {
public:
  /// Creates what is missing (directories 0700). A file system without locks, or a root that is not writable,
  /// is refused with a hint to use --root.
  /// `freeing` is for prune and rm: it gives up the store's reserve (a file of 1 MiB) until the end, so that
  /// the database can be written on a full file system. Every other opening makes the reserve when it is
  /// missing.
  enum class Purpose { work, freeing };
  static Result<std::unique_ptr<Store>> open(const std::string& root, Purpose purpose = Purpose::work);
  ~Store();  // removes this process's tmp/<lease>/ and its holds

  const std::string& path() const { return m_path; }
  const Fd& directory() const { return m_directory; }
  Database& database() { return *m_database; }

  /// Opens (and makes, 0700) a directory of the store by relative path: "blobs/sha256".
  Result<Fd> subdirectory(const std::string& relative);
  /// This process's own directory under tmp/, made on first use. It is on the same file system as all else,
  /// so that a rename moves finished work into place.
  Result<Fd> temporary();
  std::string temporary_path();
  /// A name that no other call in any process returned: random, 26 lower-case characters. Safe from any
  /// thread.
  static std::string unique_name();

  /// A lease may outlive the process: whoever has the lock's descriptor keeps it alive. For programs that are
  /// left running (give them `lease_lock`), and for processes that end without destroying this object.
  const std::string& lease() const { return m_lease; }
  const Fd& lease_lock() const { return m_lock.file(); }
  /// From now on this process's lease lives exactly as long as `other`, and is left alone by the destructor.
  Result<> tie_lease_to(const std::string& other);
  Result<bool> is_alive(const std::string& lease);
  /// Gives up what a lease of another process holds.
  Result<> end_lease(const std::string& lease);

  /// This process uses (kind, key), for instance ("layer", id): it will not be collected while the process
  /// lives. Call inside the transaction that saw the thing exist.
  Result<> hold(std::string_view kind, std::string_view key);
  /// All keys of this kind that a live lease holds. Call inside the transaction that decides what is garbage.
  Result<std::vector<std::string>> held(std::string_view kind);
  /// The same without those of this process's own lease.
  Result<std::vector<std::string>> held_by_others(std::string_view kind);
  /// Leases whose process is gone: removes their holds and returns the names of their trees under tmp/, which
  /// the caller deletes (they may hold files of other owners). Call before `held`.
  Result<std::vector<std::string>> dead_leases();

private:
  Store() = default;
  Result<> take_lease();
  void give_up_lease();
  std::string m_path;
  Fd m_directory;
  bool m_frees = false;
  std::unique_ptr<Database> m_database;
  Fd m_work;  // tmp/
  std::string m_lease;
  std::mutex m_mutex;  // guards the two below
  FileLock m_lock;     // empty until there is a lease
  bool m_holds = false;
  bool m_is_tied = false;  // to another lease
};

}  // namespace ecrin

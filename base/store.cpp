#include "base/store.hpp"

#include <sys/file.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <set>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace ecrin {
namespace {

constexpr std::string_view k_lock_suffix = ".lock";
// A lock file gets its final name when it is locked already: nobody ever sees a lease that could be locked
// while its process is alive.
constexpr std::string_view k_new_suffix = ".new";
constexpr int k_most_tries = 100;

constexpr std::array<std::string_view, 1> k_tables = {
    "CREATE TABLE holds(lease TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,"
    " PRIMARY KEY(kind, key, lease)) WITHOUT ROWID;"
    "CREATE INDEX holds_by_lease ON holds(lease)"};

constexpr const char* k_reserve_name = "reserve";
constexpr off_t k_reserve_size = 1 << 20;
// Empty. Who frees needs two inodes, for its lock and its temporary directory: one is the reserve's.
constexpr const char* k_spare_name = "spare";

// Best effort: a store without a reserve works, until the disk is full.
void keep_reserve(const Fd& root) {
  (void)posix::open_at(root, k_spare_name, O_RDONLY | O_CREAT | O_NOFOLLOW, 0600);
  const auto status = posix::lstat_at(root, k_reserve_name);
  if (status && status->st_size == k_reserve_size) return;
  const auto file = posix::open_at(root, k_reserve_name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (file && ::posix_fallocate(file->get(), 0, k_reserve_size) != 0) {
    (void)posix::unlink_at(root, k_reserve_name);
  }
}

std::string lock_name(std::string_view lease) {
  return fmt::format("{}{}", lease, k_lock_suffix);
}

Error with_hint(Error error) {
  const int code = error.code();
  if (code == EACCES || code == EPERM || code == EROFS || code == ENOTDIR || code == EEXIST) {
    return std::move(error).hint("choose a directory that you may write to with --root");
  }
  if (code == ENOLCK || code == EOPNOTSUPP || code == ENOSYS || code == EINVAL) {
    return std::move(error).hint("this file system has no file locks: choose another directory with --root");
  }
  return error;
}

bool is_full(const Error& error) {
  return error.code() == ENOSPC || error.code() == EDQUOT;
}

// What a directory hands down to all that is made in it would change the permissions of what is unpacked, and
// add attributes that no layer has.
Result<> drop_default_acl(const Fd& directory) {
  constexpr const char* k_default_acl = "system.posix_acl_default";
  if (!TRY(posix::get_xattr_at(directory, ".", k_default_acl))) return {};
  return posix::remove_xattr_at(directory, ".", k_default_acl);
}

Result<> remove_holds(Database& database, std::string_view lease) {
  Statement remove = TRY(database.prepare("DELETE FROM holds WHERE lease=?1"));
  return remove.bind(1, lease).run();
}

Result<> remove_if_there(const Fd& dir, const std::string& name) {
  auto removed = posix::unlink_at(dir, name);
  if (!removed && removed.error().kind() == ErrorKind::not_found) return {};
  return removed;
}

}  // namespace

std::string Store::unique_name() {
  return random_name(26);
}

Result<std::unique_ptr<Store>> Store::open(const std::string& root, Purpose purpose) {
  std::unique_ptr<Store> store(new Store);
  const auto prepare = [&]() -> Result<> {
    TRY(posix::make_directories(root, 0700));
    store->m_directory = TRY(posix::open(root, O_RDONLY | O_DIRECTORY));
    // Absolute and without symlinks: it goes into mount options and is used after changes of directory.
    const std::unique_ptr<char, decltype(&::free)> path(::realpath(root.c_str(), nullptr), &::free);
    if (!path) return fail_errno("cannot resolve '{}'", printable(root));
    store->m_path = path.get();
    if (store->m_path == "/")
      return std::unexpected(Error(ErrorKind::invalid, "a store needs a directory of its own")
                                 .hint("name one, as in --root ~/store"));
    TRY(drop_default_acl(store->m_directory));
    store->m_frees = purpose == Purpose::freeing;
    if (store->m_frees) {
      (void)posix::unlink_at(store->m_directory, k_reserve_name);
      (void)posix::unlink_at(store->m_directory, k_spare_name);
    }
    store->m_work = TRY(store->subdirectory("tmp"));
    store->m_lease = unique_name();
    // At once, although not every command needs one: here it shows that the file system can do what is
    // needed. A full one must still open, or nothing could be pruned.
    auto taken = store->take_lease();
    if (!taken && !is_full(taken.error())) return taken;
    return {};
  };
  auto prepared = prepare();
  if (!prepared) {
    return std::unexpected(with_hint(std::move(prepared.error()))
                               .context(fmt::format("opening the store '{}'", printable(root))));
  }
  store->m_database = TRY_WHILE(Database::open(store->m_path + "/db.sqlite"), "opening the store '{}'",
                                printable(store->m_path));
  TRY_WHILE(store->m_database->migrate("store", k_tables), "opening the store '{}'",
            printable(store->m_path));
  if (purpose == Purpose::work) keep_reserve(store->m_directory);
  return store;
}

Result<> Store::take_lease() {
  const std::lock_guard guard(m_mutex);
  if (m_lock.file()) return {};
  const std::string hidden = fmt::format("{}{}", m_lease, k_new_suffix);
  const auto take = [&]() -> Result<FileLock> {
    Fd file = TRY(posix::open_at(m_work, hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    FileLock lock = TRY(FileLock::acquire(std::move(file), FileLock::Mode::exclusive));
    TRY(posix::rename_at(m_work, hidden, m_work, lock_name(m_lease)));
    return lock;
  };
  auto lock = take();
  // A prune may come between the file and its lock, and take it for one that a dead process left.
  for (int tries = 0; !lock && lock.error().kind() == ErrorKind::not_found && tries < k_most_tries; ++tries)
    lock = take();
  if (!lock) {
    (void)posix::unlink_at(m_work, hidden);
    return std::unexpected(std::move(lock.error()));
  }
  m_lock = std::move(*lock);
  return {};
}

Store::~Store() {
  give_up_lease();
  if (!m_frees) return;
  // What was freed pays for the next reserve, before others fill the place again. The database closes first:
  // that may take space too.
  m_database.reset();
  keep_reserve(m_directory);
}

void Store::give_up_lease() {
  if (!m_lock.file() || m_is_tied) return;
  // What fails here is found later: the lock dies with this process, and prune clears what a dead lease left.
  if (m_holds && m_database) {
    const auto removed = remove_holds(*m_database, m_lease);
    if (!removed) log::debug("{}", removed.error().message());
  }
  const auto tree = posix::unlink_at(m_work, m_lease, AT_REMOVEDIR);
  // The lock file's name stays as long as the tree: it is how prune knows about it.
  if (tree || tree.error().kind() == ErrorKind::not_found) (void)posix::unlink_at(m_work, lock_name(m_lease));
}

Result<> Store::tie_lease_to(const std::string& other) {
  TRY(take_lease());
  // Another name of the other lease's lock takes the place of ours: a lock belongs to the file, not to a
  // name.
  const std::string hidden = fmt::format("{}{}", unique_name(), k_new_suffix);
  TRY(posix::link_at(m_work, lock_name(other), m_work, hidden));
  if (auto renamed = posix::rename_at(m_work, hidden, m_work, lock_name(m_lease)); !renamed) {
    (void)posix::unlink_at(m_work, hidden);
    return renamed;
  }
  m_is_tied = true;
  return {};
}

Result<bool> Store::is_alive(const std::string& lease) {
  if (lease == m_lease) return true;
  if (TRY(posix::exists_at(m_work, lock_name(lease))) == posix::Exists::no) return false;
  return !TRY(FileLock::acquire_existing_now(m_work, lock_name(lease)));
}

Result<> Store::end_lease(const std::string& lease) {
  TRY(remove_holds(*m_database, lease));
  (void)posix::unlink_at(m_work, lease, AT_REMOVEDIR);  // what is in it is for the next prune
  return remove_if_there(m_work, lock_name(lease));
}

Result<Fd> Store::subdirectory(const std::string& relative) {
  auto existing = posix::open_at(m_directory, relative, O_RDONLY | O_DIRECTORY);
  if (existing) {
    TRY(drop_default_acl(*existing));
    return existing;
  }
  if (existing.error().kind() != ErrorKind::not_found) return existing;
  std::string path;
  for (const std::string& name : split(relative, '/')) {
    path += path.empty() ? name : "/" + name;
    auto made = posix::mkdir_at(m_directory, path, 0700);
    if (!made && made.error().code() != EEXIST) return std::unexpected(std::move(made.error()));
  }
  return posix::open_at(m_directory, relative, O_RDONLY | O_DIRECTORY);
}

Result<Fd> Store::temporary() {
  TRY(take_lease());
  auto made = posix::mkdir_at(m_work, m_lease, 0700);
  if (!made && made.error().code() != EEXIST) return std::unexpected(std::move(made.error()));
  return posix::open_at(m_work, m_lease, O_RDONLY | O_DIRECTORY);
}

std::string Store::temporary_path() {
  // A failure shows as soon as the path is used.
  (void)temporary();
  return fmt::format("{}/tmp/{}", m_path, m_lease);
}

Result<> Store::hold(std::string_view kind, std::string_view key) {
  TRY(take_lease());
  {
    const std::lock_guard guard(m_mutex);
    m_holds = true;
  }
  Statement insert =
      TRY(m_database->prepare("INSERT OR IGNORE INTO holds(lease, kind, key) VALUES(?1, ?2, ?3)"));
  return insert.bind(1, m_lease).bind(2, kind).bind(3, key).run();
}

namespace {

Result<std::vector<std::string>> held_keys(Database& database, std::string_view kind,
                                           std::string_view without) {
  const auto lock = database.lock();
  Statement select =
      TRY(database.prepare("SELECT DISTINCT key FROM holds WHERE kind=?1 AND lease<>?2 ORDER BY key"));
  select.bind(1, kind).bind(2, without);
  std::vector<std::string> keys;
  while (TRY(select.step()) == Statement::Step::row) keys.push_back(select.text(0));
  return keys;
}

}  // namespace

Result<std::vector<std::string>> Store::held(std::string_view kind) {
  return held_keys(*m_database, kind, "");
}

Result<std::vector<std::string>> Store::held_by_others(std::string_view kind) {
  return held_keys(*m_database, kind, m_lease);
}

Result<std::vector<std::string>> Store::dead_leases() {
  const auto lock = m_database->lock();
  // The leases of the database first: a lease that holds something had its lock file before, so one that is
  // here and has no lock file below is dead, not new.
  std::set<std::string> holders;
  {
    Statement select = TRY(m_database->prepare("SELECT DISTINCT lease FROM holds"));
    while (TRY(select.step()) == Statement::Step::row) holders.insert(select.text(0));
  }
  std::set<std::string> leases = holders;
  for (const auto& entry : TRY(posix::list_directory(m_work))) {
    const std::string_view name = entry.name;
    if (name.ends_with(k_lock_suffix)) {
      leases.emplace(name.substr(0, name.size() - k_lock_suffix.size()));
    } else if (entry.type == DT_DIR) {
      leases.insert(entry.name);
    } else if (name.ends_with(k_new_suffix)) {
      const auto unused = TRY(FileLock::acquire_existing_now(m_work, entry.name));
      if (unused) TRY(remove_if_there(m_work, entry.name));
    }
  }
  leases.erase(m_lease);
  std::vector<std::string> dead;
  for (const std::string& lease : leases) {
    const std::string name = lock_name(lease);
    const std::optional<FileLock> taken = TRY(FileLock::acquire_existing_now(m_work, name));
    // Without a lock it is alive, unless there is no file at all: a tree and holds come after the file.
    if (!taken && TRY(posix::exists_at(m_work, name)) == posix::Exists::yes) continue;
    if (holders.contains(lease)) TRY(remove_holds(*m_database, lease));
    // Looked at again: the tree may have come after the listing, or be gone by now.
    const bool has_tree = TRY(posix::exists_at(m_work, lease)) == posix::Exists::yes;
    if (has_tree) {
      dead.push_back(lease);
    } else if (taken) {
      TRY(remove_if_there(m_work, name));
    }
  }
  return dead;
}

}  // namespace ecrin

#include "build/run_mounts.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include "base/hash.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_secret_limit = 1u << 20;
constexpr std::size_t k_private_cache_limit = 256;

// The path of something inside `root` (which is mounted or lies at `path`), symlinks resolved inside it.
Result<std::string> path_inside(const Fd& root, const std::string& path, const std::string& source,
                                std::string_view where) {
  const RootPath found = TRY(resolve_in_root(root, source));
  if (!found.status) return fail(ErrorKind::not_found, "there is no '{}' in {}", printable(source), where);
  return join_path(path, found.path);
}

}  // namespace

Result<std::unique_ptr<SecretDirectory>> SecretDirectory::create(Workshop& workshop) {
  const std::string name = "secrets-" + Store::unique_name();
  TRY(posix::mkdir_at(TRY(workshop.store().temporary()), name, 0700));
  const std::string path = workshop.store().temporary_path() + "/" + name;
  // Our own mount namespace: it goes with this process, however that ends.
  if (::mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=16m") != 0) {
    return fail_errno("cannot mount a tmpfs for secrets on '{}'", path);
  }
  return std::unique_ptr<SecretDirectory>(new SecretDirectory(path));
}

SecretDirectory::~SecretDirectory() {
  ::umount2(m_path.c_str(), MNT_DETACH);
  ::rmdir(m_path.c_str());
}

Result<std::string> SecretDirectory::add(std::string_view content, mode_t mode, uid_t uid, gid_t gid) {
  const std::string name = std::to_string(m_count++);
  const Fd directory = TRY(posix::open(m_path, O_RDONLY | O_DIRECTORY));
  Fd file = TRY(posix::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  TRY(posix::write_full(file, content));
  TRY(file.close());
  TRY(posix::chown_at(directory, name, uid, gid));
  TRY(posix::chmod_at(directory, name, mode));
  return m_path + "/" + name;
}

Result<std::string> RunMounts::context_source(const recipes::Mount& mount, std::size_t position) {
  const BuildContext& context = *TRY(m_session.need_context());
  const SourceTree tree = context.tree();
  if (!mount.read_only || context.has_ignore_file()) {
    // A copy of what is selected: files that are left out must not be seen, and what is written must not come
    // back.
    const Selection& selection = *m_scope.step.mount_selections[position];
    const SourceItem& item = selection.items.front();
    fs::LayerDraft draft = TRY(m_session.workshop.layers().draft());
    UpperTree upper(draft.diff(), nullptr, file_time(m_session));
    CopyOptions options;
    options.owner = std::pair<uid_t, gid_t>{0, 0};
    options.must_be_unchanged = true;
    TRY(copy_selection(tree, selection.items, item.is_directory() ? "/tree" : "/tree/", options, upper,
                       &m_scope.stop));
    TRY(upper.finish());
    std::string path = draft.path() + "/diff/tree";
    if (!item.is_directory()) path += "/" + base_name(item.named);
    m_copies.push_back(std::move(draft));
    return path;
  }
  return path_inside(context.root(), context.directory(), mount.source, "the context");
}

Result<std::string> RunMounts::bind_source(const recipes::Mount& mount, std::size_t position) {
  if (mount.from.empty()) return context_source(mount, position);
  // A writable bind of a stage is a mount of its own: what is written is thrown away with it.
  m_trees.push_back(TRY_WHILE(
      mount_other(m_session, m_scope, mount.from, mount.read_only ? Access::read_only : Access::writable),
      "mounting '{}'", printable(mount.from)));
  const OtherTree& other = m_trees.back();
  return path_inside(other.root, other.mount->tree->path(), mount.source, "'" + printable(mount.from) + "'");
}

Result<Fd> RunMounts::cache_directory(const Fd& parent, const std::string& name,
                                      const recipes::Mount& mount) {
  auto made = posix::mkdir_at(parent, name, 0755);
  if (made) {
    TRY(posix::chown_at(parent, name, mount.uid, mount.gid));
    TRY(posix::chmod_at(parent, name, mount.mode ? mount.mode : 0755));
  } else if (made.error().code() != EEXIST) {
    return std::unexpected(std::move(made).error());
  }
  return posix::open_at(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

// <store>/cache/<digest of the id>/: "data" is what steps share, "private-N" are for those that want one to
// themselves, "*.lock" the locks. The id is never part of a path.
Result<std::string> RunMounts::cache_source(const recipes::Mount& mount, const std::string& target) {
  const std::string name = sha256_hex(mount.id.empty() ? target : mount.id).substr(0, 32);
  const Fd cache = TRY(m_session.workshop.store().subdirectory("cache/" + name));
  const std::string path = m_session.workshop.store().path() + "/cache/" + name;
  const auto lock_name = [](const std::string& of) { return of + ".lock"; };
  using Sharing = recipes::Mount::Sharing;
  std::string data = "data";
  if (mount.sharing == Sharing::locked) {
    m_locks.push_back(TRY(FileLock::acquire_named(cache, lock_name(data), 0600, &m_scope.stop)));
  } else if (mount.sharing == Sharing::private_copy) {
    bool locked = false;
    for (std::size_t i = 0; i < k_private_cache_limit && !locked; ++i) {
      data = fmt::format("private-{}", i);
      auto lock = TRY(FileLock::acquire_named_now(cache, lock_name(data), 0600));
      if (!lock) continue;
      m_locks.push_back(std::move(*lock));
      locked = true;
    }
    if (!locked) {
      return fail(ErrorKind::limit, "{} steps at once use the private cache '{}'", k_private_cache_limit,
                  printable(mount.id));
    }
  }
  TRY(cache_directory(cache, data, mount));
  return path + "/" + data;
}

Result<> RunMounts::add_secret(const recipes::Mount& mount, const std::string& target) {
  const Secret* secret = nullptr;
  for (const Secret& candidate : m_session.options.secrets) {
    if (candidate.id == mount.id) secret = &candidate;
  }
  if (!secret) {
    if (!mount.required) return {};
    auto error =
        Error(ErrorKind::not_found, fmt::format("the secret '{}' was not given", printable(mount.id)));
    return std::unexpected(
        std::move(error).hint(fmt::format("give it with --secret id={},src=FILE", mount.id)));
  }
  std::string content;
  if (secret->value) {
    content = *secret->value;
  } else {
    content = TRY_WHILE(posix::read_file(secret->file, k_secret_limit), "reading the secret '{}'",
                        printable(mount.id));
  }
  if (!m_secrets) m_secrets = TRY(SecretDirectory::create(m_session.workshop));
  const mode_t mode = mount.mode ? mount.mode : 0400;
  m_mounts.push_back({target,
                      "bind",
                      TRY(m_secrets->add(content, mode, mount.uid, mount.gid)),
                      {"bind", "ro", "nosuid", "nodev", "noexec"}});
  return {};
}

Result<> RunMounts::add(const recipes::Mount& mount, std::size_t position) {
  using Type = recipes::Mount::Type;
  const std::string written =
      mount.target.empty() && mount.type == Type::secret ? "/run/secrets/" + mount.id : mount.target;
  std::string target = absolute_path(m_scope.step.before, written);
  if (target.size() > 1 && target.ends_with('/')) target.pop_back();
  const std::vector<std::string> access = {"bind", mount.read_only ? "ro" : "rw", "nosuid", "nodev"};
  switch (mount.type) {
    case Type::bind:
      m_mounts.push_back({target, "bind", TRY(bind_source(mount, position)), access});
      return {};
    case Type::cache:
      m_mounts.push_back({target, "bind", TRY(cache_source(mount, target)), access});
      return {};
    case Type::tmpfs: {
      std::vector<std::string> options = {"nosuid", "nodev",
                                          fmt::format("mode={:o}", mount.mode ? mount.mode : 01777)};
      if (mount.size) options.push_back(fmt::format("size={}", mount.size));
      m_mounts.push_back({target, "tmpfs", "tmpfs", std::move(options)});
      return {};
    }
    case Type::secret:
      return add_secret(mount, target);
    case Type::ssh:
      return fail(ErrorKind::unsupported, "an ssh mount cannot be made");
  }
  return {};
}

}  // namespace ecrin::build

#include "build/run_mounts.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/hash.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/cache_mount.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"
#include "build/shared_build.hpp"
#include "fs/file_owners.hpp"
#include "fs/tree.hpp"
#include "run/plan/plan_facts.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_variable_limit = 128u * 1024;  // MAX_ARG_STRLEN: what execve takes
constexpr std::size_t k_private_cache_limit = 256;

// The path of something inside `root` (which is mounted or lies at `path`), symlinks resolved inside it.
Result<std::string> path_inside(const Fd& root, const std::string& path, const std::string& source,
                                std::string_view where) {
  const RootPath found = TRY(resolve_in_root(root, source));
  if (!found.status) return fail(ErrorKind::not_found, "there is no '{}' in {}", printable(source), where);
  return join_path(path, found.path);
}

}  // namespace

Result<std::unique_ptr<MemoryDirectory>> MemoryDirectory::create(Workshop& workshop, Programs programs) {
  const std::string name = "memory-" + Store::unique_name();
  TRY(posix::mkdir_at(TRY(workshop.store().temporary()), name, 0700));
  const std::string path = workshop.store().temporary_path() + "/" + name;
  // Our own mount namespace: it goes with this process, however that ends.
  const unsigned long flags = MS_NOSUID | MS_NODEV | (programs == Programs::yes ? 0 : MS_NOEXEC);
  if (::mount("tmpfs", path.c_str(), "tmpfs", flags, "mode=0700,size=16m") == 0)
    return std::unique_ptr<MemoryDirectory>(new MemoryDirectory(path));
  // Where nothing can be mounted, steps get copies of what is in it (run/chroot): on the disk in any case.
  if (errno == EPERM && !run::may_mount_here())
    return std::unique_ptr<MemoryDirectory>(new MemoryDirectory(path));
  return fail_errno("cannot mount a tmpfs for secrets on '{}'", path);
}

MemoryDirectory::~MemoryDirectory() {
  m_relays.clear();
  ::umount2(m_path.c_str(), MNT_DETACH);
  if (const auto directory = posix::open(m_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    (void)fs::clear_directory(*directory);  // nothing is left of a tmpfs
  ::rmdir(m_path.c_str());
}

Result<std::string> MemoryDirectory::add(std::string_view content, mode_t mode, uid_t uid, gid_t gid) {
  const std::string name = std::to_string(m_count++);
  const Fd directory = TRY(posix::open(m_path, O_RDONLY | O_DIRECTORY));
  Fd file = TRY(posix::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  TRY(posix::write_full(file, content));
  TRY(file.close());
  return finish(directory, name, mode, uid, gid);
}

Result<std::string> MemoryDirectory::add_relay(const std::string& target, mode_t mode, uid_t uid, gid_t gid) {
  const std::string name = std::to_string(m_count++);
  const Fd directory = TRY(posix::open(m_path, O_RDONLY | O_DIRECTORY));
  m_relays.push_back(TRY(SocketRelay::start(directory, name, target)));
  return finish(directory, name, mode, uid, gid);
}

Result<std::string> MemoryDirectory::finish(const Fd& directory, const std::string& name, mode_t mode,
                                            uid_t uid, gid_t gid) {
  TRY(fs::set_owner_at(directory, name, uid, gid));
  TRY(posix::chmod_at(directory, name, mode));
  return m_path + "/" + name;
}

// Below "tree", with what the ignore file leaves.
Result<fs::LayerDraft> RunMounts::copy_of_context(const Selection& selection) {
  fs::LayerDraft draft = TRY(m_session.workshop.layers().draft());
  UpperTree upper(draft.diff(), nullptr, file_time(m_session));
  CopyOptions options;
  options.owner = std::pair<uid_t, gid_t>{0, 0};
  options.must_be_unchanged = true;
  TRY(copy_selection(TRY(m_session.need_context())->tree(), selection.items,
                     selection.items.front().is_directory() ? "/tree" : "/tree/", options, upper,
                     &m_scope.stop));
  TRY(upper.finish());
  return draft;
}

Result<std::string> RunMounts::context_source(const recipes::Mount& mount, std::size_t position) {
  const BuildContext& context = *TRY(m_session.need_context());
  if (mount.read_only && !context.has_ignore_file())
    return path_inside(context.root(), context.directory(), mount.source, "the context");
  // A copy of what is selected: files that are left out must not be seen, and what is written must not come
  // back. Who only reads shares it.
  const Selection& selection = *m_scope.step.mount_selections[position];
  const SourceItem& item = selection.items.front();
  const std::string below = item.is_directory() ? "" : "/" + base_name(item.named);
  if (!mount.read_only) {
    m_copies.push_back(TRY(copy_of_context(selection)));
    return m_copies.back().path() + "/diff/tree" + below;
  }
  Session::ContextCopy& copy = m_session.context_copy(item);
  const std::scoped_lock lock(copy.mutex);
  if (!copy.draft) copy.draft.emplace(TRY(copy_of_context(selection)));
  return copy.draft->path() + "/diff/tree" + below;
}

Result<std::string> RunMounts::recorded_source(const recipes::Mount& mount, std::size_t position) {
  const std::string source = TRY(context_source(mount, position));
  const std::string& below = m_scope.step.mount_selections[position]->items.front().entries.front().path;
  m_recorded.push_back(TRY(TracedBind::mount(m_session, source, below, m_scope.stop)));
  return m_recorded.back()->path();
}

void RunMounts::record_use() {
  m_records_files = has_traced_binds(m_scope.step);
  m_traced_inputs = traced_inputs(m_scope.step);
}

Result<std::optional<fs::ImageTrace>> RunMounts::finish_use() {
  if (!m_used) return std::nullopt;
  const auto add = [&](fs::ImageTrace trace) { std::ranges::move(trace, std::back_inserter(*m_used)); };
  for (const auto& bind : m_recorded) add(used_files(m_scope.step, bind->below(), bind->usage()));
  for (auto& [input, traced] : m_recorded_trees) {
    TRY(traced.mount.tree->finish());
    add(as_part(TRY(trace_of(m_session, *traced.tree, m_scope.stop)), input));
  }
  return std::exchange(m_used, std::nullopt);
}

// Also a writable one: what is written goes with the mount.
Result<std::string> RunMounts::recorded_tree(const recipes::Mount& mount, const TracedInput& input) {
  const LayerChain chain = chain_of_input(m_scope.step, mount.from, m_scope.chain_of);
  const std::vector<fs::Layer> layers = TRY(m_session.directories(chain, m_scope.stop));
  if (layers.empty()) {
    if (m_used) std::ranges::move(as_part(trace_of_nothing(), input), std::back_inserter(*m_used));
    return tree_source(mount);
  }
  auto traced = mount_traced(m_session, layers, m_scope.stop);
  if (!traced) {
    TRY(m_scope.stop.check());
    m_scope.note("a step runs without a trace of what it uses: " + traced.error().message());
    m_used.reset();
    return tree_source(mount);
  }
  m_recorded_trees.emplace_back(input, std::move(*traced));
  const std::string& path = m_recorded_trees.back().second.mount.tree->path();
  const Fd root = TRY(posix::open(path, O_RDONLY | O_DIRECTORY));
  return path_inside(root, path, mount.source, "'" + printable(mount.from) + "'");
}

Result<std::string> RunMounts::bind_source(const recipes::Mount& mount, std::size_t position) {
  if (mount.from.empty())
    return m_records_files ? recorded_source(mount, position) : context_source(mount, position);
  const auto input = std::ranges::find(m_traced_inputs, position, &TracedInput::mount);
  return input == m_traced_inputs.end() ? tree_source(mount) : recorded_tree(mount, *input);
}

Result<std::string> RunMounts::tree_source(const recipes::Mount& mount) {
  // A writable bind of a stage is a mount of its own: what is written is thrown away with it.
  m_trees.push_back(TRY_WHILE(
      mount_other(m_session, m_scope, mount.from, mount.read_only ? Access::read_only : Access::writable),
      "mounting '{}'", printable(mount.from)));
  const OtherTree& other = m_trees.back();
  return path_inside(other.root, other.mount->tree->path(), mount.source, "'" + printable(mount.from) + "'");
}

Result<> RunMounts::seed_cache(const Fd& content, const recipes::Mount& mount) {
  const OtherTree other = TRY_WHILE(mount_other(m_session, m_scope, mount.from, Access::looking),
                                    "mounting '{}'", printable(mount.from));
  const RootPath source = TRY(resolve_in_root(other.root, mount.source.empty() ? "/" : mount.source));
  if (!source.status || !S_ISDIR(source.status->st_mode)) {
    return fail(ErrorKind::not_found, "there is no directory '{}' in '{}'", printable(mount.source),
                printable(mount.from));
  }
  const Fd from = TRY(posix::open_in_root(other.root, source.path, O_RDONLY | O_DIRECTORY));
  return fs::copy_tree(from, content, fs::Hardlinks::keep);
}

// A new cache begins with what a shared cache has, else with what the recipe says, else empty. It is made
// elsewhere and moved here, so that nobody sees half of it, whenever this process is killed.
Result<> RunMounts::make_cache(const Fd& cache, const CacheName& name, const recipes::Mount& mount) {
  SharedCaches* shared = nullptr;
  if (m_session.shared && name.directory == k_cache_data && m_session.shared->caches().has_mount(name.id))
    shared = &m_session.shared->caches();
  std::optional<FileLock> lock;
  if (shared) {
    // Several steps at once fetch it once.
    lock = TRY(FileLock::acquire_named(cache, "fill.lock", 0600, &m_scope.stop));
    if (TRY(posix::exists_at(cache, name.directory)) == posix::Exists::yes) return {};
  }
  const fs::LayerDraft draft = TRY(m_session.workshop.layers().draft());
  TRY(posix::mkdir_at(draft.diff(), name.directory, 0755));
  const Fd content = TRY(posix::open_at(draft.diff(), name.directory, O_RDONLY | O_DIRECTORY));
  const bool filled = shared && TRY(shared->fill_mount(name.id, content, m_scope.stop));
  if (!filled && !mount.from.empty()) TRY_WHILE(seed_cache(content, mount), "filling a new cache");
  TRY(fs::set_owner_at(draft.diff(), name.directory, mount.uid, mount.gid));
  TRY(posix::chmod_at(draft.diff(), name.directory, mount.mode ? mount.mode : k_cache_mode));
  const auto moved = posix::rename_at(draft.diff(), name.directory, cache, name.directory, RENAME_NOREPLACE);
  // Another step was faster: then that one's is the cache.
  if (!moved && moved.error().code() != EEXIST) return std::unexpected(moved.error());
  return {};
}

// In the order of their names, and each once: steps that wait for each other's caches would wait for ever.
Result<> RunMounts::lock_caches(const std::vector<recipes::Mount>& mounts) {
  std::map<std::string, std::string> ids;  // by directory
  for (const recipes::Mount& mount : mounts) {
    if (mount.type != recipes::Mount::Type::cache || mount.sharing != recipes::Mount::Sharing::locked)
      continue;
    std::string id = cache_mount_id(*m_scope.step.before, mount);
    std::string directory = cache_directory(id);
    ids.emplace(std::move(directory), std::move(id));
  }
  for (const auto& [directory, id] : ids) {
    const Fd cache = TRY(m_session.workshop.store().subdirectory(directory));
    const auto waits = [&, &id = id] { m_scope.note(waiting_for_cache(id)); };
    m_locks.push_back(TRY(FileLock::acquire_named(cache, k_cache_data_lock, 0600, &m_scope.stop, waits)));
  }
  return {};
}

Result<std::string> RunMounts::cache_source(const recipes::Mount& mount) {
  const std::string id = cache_mount_id(*m_scope.step.before, mount);
  const std::string directory = cache_directory(id);
  const Fd cache = TRY(m_session.workshop.store().subdirectory(directory));
  std::string data = k_cache_data;
  if (mount.sharing == recipes::Mount::Sharing::private_copy) {
    bool locked = false;
    for (std::size_t i = 0; i < k_private_cache_limit && !locked; ++i) {
      data = fmt::format("private-{}", i);
      auto lock = TRY(FileLock::acquire_named_now(cache, data + ".lock", 0600));
      if (!lock) continue;
      m_locks.push_back(std::move(*lock));
      locked = true;
    }
    if (!locked) {
      return fail(ErrorKind::limit, "{} steps at once use the private cache '{}'", k_private_cache_limit,
                  printable(id));
    }
  }
  if (TRY(posix::exists_at(cache, data)) == posix::Exists::no) TRY(make_cache(cache, {id, data}, mount));
  return m_session.workshop.store().path() + "/" + directory + "/" + data;
}

Result<> RunMounts::add_secret(const recipes::Mount& mount) {
  if (!m_session.secrets.has(mount.id)) {
    if (!mount.required) return {};
    auto error =
        Error(ErrorKind::not_found, fmt::format("the secret '{}' was not given", printable(mount.id)));
    return std::unexpected(
        std::move(error).hint(fmt::format("give it with --secret id={},src=FILE", mount.id)));
  }
  const auto secret = TRY(m_session.secrets.read(mount.id));
  const std::string_view content = secret->reveal();
  m_secret_ids.push_back(mount.id);
  if (!mount.environment.empty()) {
    if (content.contains('\0') || content.size() >= k_variable_limit) {
      return fail(ErrorKind::invalid, "the secret '{}' cannot be a variable: it {}", printable(mount.id),
                  content.contains('\0') ? "holds a NUL byte" : "is too long");
    }
    m_environment.emplace_back(mount.environment, content);
    if (mount.target.empty()) return {};
  }
  if (!m_private) m_private = TRY(MemoryDirectory::create(m_session.workshop, MemoryDirectory::Programs::no));
  const std::string target = mount.target.empty() ? "/run/secrets/" + mount.id : mount.target;
  const mode_t mode = mount.mode ? mount.mode : 0400;
  std::string file = TRY(m_private->add(content, mode, mount.uid, mount.gid));
  m_mounts.push_back({mount_target(*m_scope.step.before, target),
                      "bind",
                      std::move(file),
                      {"bind", "ro", "nosuid", "nodev", "noexec"}});
  return {};
}

Result<> RunMounts::add_ssh(const recipes::Mount& mount) {
  const std::string id = mount.id.empty() ? "default" : mount.id;
  const std::string target = mount_target(
      *m_scope.step.before,
      mount.target.empty() ? fmt::format("/run/buildkit/ssh_agent.{}", m_sockets) : mount.target);
  const bool is_first = m_sockets++ == 0;
  if (!m_session.ssh_agents.has(id)) {
    if (!mount.required) return {};
    auto error = Error(ErrorKind::not_found, fmt::format("no ssh-agent '{}' was given", printable(id)));
    return std::unexpected(std::move(error).hint(
        id == "default" ? "give yours with --ssh default" : fmt::format("give it with --ssh {}=SOCKET", id)));
  }
  const std::string agent = TRY(m_session.ssh_agents.socket(id));
  if (!m_private) m_private = TRY(MemoryDirectory::create(m_session.workshop, MemoryDirectory::Programs::no));
  // A socket of our own: the agent's belongs to the user, the step's to whom the recipe says.
  std::string socket = TRY(m_private->add_relay(agent, mount.mode ? mount.mode : 0600, mount.uid, mount.gid));
  m_mounts.push_back({target, "bind", std::move(socket), {"bind", "rw", "nosuid", "nodev", "noexec"}});
  if (is_first) m_environment.emplace_back("SSH_AUTH_SOCK", target);
  return {};
}

Result<> RunMounts::add_script(const recipes::InlineFile& script) {
  if (!m_scripts)
    m_scripts = TRY(MemoryDirectory::create(m_session.workshop, MemoryDirectory::Programs::yes));
  std::string file = TRY(m_scripts->add(script.content, 0555, 0, 0));
  m_mounts.push_back({fmt::format("{}/{}", k_script_directory, script.name),
                      "bind",
                      std::move(file),
                      {"bind", "ro", "nosuid", "nodev"}});
  return {};
}

Result<> RunMounts::add(const recipes::Mount& mount, std::size_t position) {
  using Type = recipes::Mount::Type;
  const std::string target = mount_target(*m_scope.step.before, mount.target);
  const std::vector<std::string> access = {"bind", mount.read_only ? "ro" : "rw", "nosuid", "nodev"};
  switch (mount.type) {
    case Type::bind:
    case Type::cache: {
      std::string source = TRY(mount.type == Type::bind ? bind_source(mount, position) : cache_source(mount));
      if (mount.type == Type::cache && !mount.read_only) m_kept_sources.insert(source);
      m_mounts.push_back({target, "bind", std::move(source), access});
      return {};
    }
    case Type::tmpfs: {
      std::vector<std::string> options = {"nosuid", "nodev",
                                          fmt::format("mode={:o}", mount.mode ? mount.mode : 01777)};
      if (mount.size) options.push_back(fmt::format("size={}", mount.size));
      m_mounts.push_back({target, "tmpfs", "tmpfs", std::move(options)});
      return {};
    }
    case Type::secret:
      return add_secret(mount);
    case Type::ssh:
      return add_ssh(mount);
  }
  return {};
}

}  // namespace ecrin::build

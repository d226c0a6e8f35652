#include "build/context.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/thread_pool.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"
#include "fs/metadata.hpp"

namespace ecrin::build {

namespace {

// No path of the context begins so.
std::string answer_name(const std::string& what) {
  return "/" + what;
}

std::int64_t change_time(const struct stat& status) {
  return std::max<std::int64_t>(status.st_mtim.tv_sec, status.st_ctim.tv_sec);
}

std::string stamp_of(const struct stat& status) {
  return fmt::format("{}:{}.{}:{}.{}:{}:{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                     status.st_ctim.tv_sec, status.st_ctim.tv_nsec, status.st_ino, status.st_dev);
}

// "" when there are none, so that the common key stays short.
Result<std::string> xattrs_of(const Fd& file) {
  const auto xattrs = fs::in_scope(fs::XattrScope::user, TRY(posix::list_xattrs(file)));
  if (xattrs.empty()) return "";
  Encoder encoder;
  for (const posix::Xattr& xattr : xattrs) encoder.put(xattr.name).put(xattr.value);
  return " xattrs " + sha256_hex(encoder.bytes());
}

Result<std::string> hash_file(const Fd& root, const SourceEntry& entry, const CancelToken* cancel) {
  Fd file = TRY(posix::open_beneath_no_symlinks(root, entry.path, O_RDONLY | O_NONBLOCK));
  const struct stat before = TRY(posix::stat_fd(file));
  HashingSink sink(nullptr);
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::clamp<off_t>(before.st_size, 1, 256 * 1024)));
  while (const std::size_t size = TRY(posix::read_some(file, buffer))) {
    if (cancel) TRY(cancel->check());
    TRY(sink.write(std::span(buffer).first(size)));
  }
  if (stamp_of(TRY(posix::stat_fd(file))) != stamp_of(entry.status)) {
    return fail(ErrorKind::conflict, "'{}' in the context changed while it was read", printable(entry.path));
  }
  return sink.finish_hex() + TRY(xattrs_of(file));
}

}  // namespace

BuildContext::BuildContext(std::string directory, Fd root, IgnoreFile ignore, Database& database,
                           const ContextOptions& options)
    : m_directory(std::move(directory)),
      m_display_name(options.name.empty() ? "the context"
                                          : fmt::format("the context '{}'", printable(options.name))),
      m_prefix(options.name.empty() ? "file " : fmt::format("file {}:", options.name)),
      m_is_temporary(options.is_temporary),
      m_root(std::move(root)),
      m_ignore(std::move(ignore)),
      m_database(database) {}

Result<std::unique_ptr<BuildContext>> BuildContext::open(const std::string& directory, Database& database,
                                                         ContextOptions options) {
  Fd root = TRY_WHILE(posix::open(directory, O_RDONLY | O_DIRECTORY), "opening the build context");
  IgnoreFile ignore = TRY_WHILE(read_ignore_file(root, options.ignore), "reading the build context");
  return std::unique_ptr<BuildContext>(
      new BuildContext(directory, std::move(root), std::move(ignore), database, options));
}

Result<> BuildContext::load() {
  if (m_loaded || m_is_temporary) return {};
  auto lock = m_database.lock();
  auto select = TRY(m_database.prepare("SELECT path, stamp, digest FROM build_files WHERE context = ?1"));
  select.bind(1, m_directory);
  while (TRY(select.step()) == Statement::Step::row) {
    m_known[select.text(0)] = {select.text(1), select.text(2)};
  }
  m_loaded = true;
  return {};
}

const std::string* BuildContext::digest_of(const SourceEntry& entry) const {
  const std::string stamp = stamp_of(entry.status);
  if (const auto it = m_known.find(entry.path); it != m_known.end() && it->second.stamp == stamp) {
    return &it->second.digest;
  }
  if (const auto it = m_computed.find(entry.path);
      it != m_computed.end() && it->second.known.stamp == stamp) {
    return &it->second.known.digest;
  }
  return nullptr;
}

Result<> BuildContext::compute(const std::vector<const SourceEntry*>& entries, const CancelToken* cancel) {
  if (entries.empty()) return {};
  std::vector<std::string> digests(entries.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&]() -> Result<> {
    for (std::size_t i = next++; i < entries.size(); i = next++) {
      digests[i] = TRY_WHILE(hash_file(m_root, *entries[i], cancel), "reading the build context");
    }
    return {};
  };
  const std::size_t threads =
      std::clamp<std::size_t>(entries.size() / 16, 1, std::max(1u, std::thread::hardware_concurrency()));
  if (threads == 1) {
    TRY(work());
  } else {
    ThreadPool pool(threads);
    std::vector<std::future<Result<>>> results;
    for (std::size_t i = 0; i < threads; ++i) results.push_back(pool.submit(work));
    std::optional<Error> failure;
    for (auto& result : results) {
      auto outcome = result.get();
      if (!outcome && !failure) failure = std::move(outcome).error();
    }
    if (failure) return std::unexpected(std::move(*failure));
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const struct stat& status = entries[i]->status;
    m_computed[entries[i]->path] = {{stamp_of(status), std::move(digests[i])}, change_time(status)};
  }
  return {};
}

Result<KeyInputs> BuildContext::inputs(const std::vector<SourceItem>& items, const CancelToken* cancel) {
  TRY(load());
  std::vector<const SourceEntry*> unknown;
  for (const SourceItem& item : items) {
    for (const SourceEntry& entry : item.entries) {
      if (S_ISREG(entry.status.st_mode) && !digest_of(entry)) unknown.push_back(&entry);
    }
  }
  TRY(compute(unknown, cancel));

  KeyInputs inputs;
  std::map<std::pair<dev_t, ino_t>, std::string> links;
  for (const SourceItem& item : items) {
    if (item.named != item.entries.front().path) {
      inputs.push_back({m_prefix + item.named, "link " + item.entries.front().path});
    }
    for (const SourceEntry& entry : item.entries) {
      const mode_t mode = entry.status.st_mode & 07777;
      std::string value;
      if (S_ISREG(entry.status.st_mode)) {
        value = fmt::format("file {:04o} {}", mode, *digest_of(entry));
        if (entry.status.st_nlink > 1) {
          // Several names of one file stay so in the layer: which are is part of the result.
          const auto [link, first] =
              links.emplace(std::pair{entry.status.st_dev, entry.status.st_ino}, entry.path);
          if (!first) value += " same as " + link->second;
        }
      } else if (S_ISLNK(entry.status.st_mode)) {
        const Fd parent = TRY(open_real_directory(m_root, parent_path(entry.path)));
        value = "symlink " + TRY(posix::readlink_at(parent, base_name(entry.path)));
      } else if (S_ISFIFO(entry.status.st_mode)) {
        value = fmt::format("fifo {:04o}", mode);
      } else {
        const Fd directory = TRY(open_real_directory(m_root, entry.path));
        value = fmt::format("directory {:04o}{}", mode, TRY(xattrs_of(directory)));
      }
      inputs.push_back({m_prefix + (entry.path.empty() ? "." : entry.path), std::move(value)});
    }
  }
  return inputs;
}

Result<BuildContext::NamedFile> BuildContext::file(const std::string& path, const CancelToken* cancel) {
  TRY(load());
  const RootPath found = TRY(resolve_in_root(m_root, path));
  if (!found.status || !S_ISREG(found.status->st_mode)) {
    return fail(ErrorKind::not_found, "there is no file '{}' in the context", printable(path));
  }
  const SourceEntry entry{found.path, "", *found.status};
  if (!digest_of(entry)) TRY(compute({&entry}, cancel));
  // Of the content alone: the attributes come behind it.
  return NamedFile{entry, digest_of(entry)->substr(0, 64)};
}

Result<std::optional<std::string>> BuildContext::remembered(const std::string& what,
                                                            const struct stat& file) {
  TRY(load());
  const auto known = m_known.find(answer_name(what));
  if (known == m_known.end() || known->second.stamp != stamp_of(file)) return std::nullopt;
  return known->second.digest;
}

void BuildContext::remember(const std::string& what, const struct stat& file, std::string answer) {
  m_computed[answer_name(what)] = {{stamp_of(file), std::move(answer)}, change_time(file)};
}

Result<> BuildContext::save(std::int64_t now) {
  if (m_computed.empty() || m_is_temporary) return {};
  auto transaction = TRY(m_database.begin());
  for (const auto& [path, computed] : m_computed) {
    if (computed.changed > now - 2) continue;
    auto insert = TRY(m_database.prepare(
        "INSERT OR REPLACE INTO build_files (context, path, stamp, digest) VALUES (?1, ?2, ?3, ?4)"));
    insert.bind(1, m_directory).bind(2, path).bind(3, computed.known.stamp).bind(4, computed.known.digest);
    TRY(insert.run());
  }
  return transaction.commit();
}

}  // namespace ecrin::build

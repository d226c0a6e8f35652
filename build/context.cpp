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
#include "build/parent_directory.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"
#include "fs/metadata.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_single_limit = 16;  // files

// As "{:04o}", a hundred thousand times.
void append_mode(std::string& text, mode_t mode) {
  for (int shift = 9; shift >= 0; shift -= 3) text += static_cast<char>('0' + (mode >> shift & 7));
}

// "" when there are none, so that the common key stays short.
Result<std::string> xattrs_of(const Fd& file) {
  const auto xattrs = fs::in_scope(fs::XattrScope::user, TRY(posix::list_xattrs(file)));
  if (xattrs.empty()) return "";
  Encoder encoder;
  for (const posix::Xattr& xattr : xattrs) encoder.put(xattr.name).put(xattr.value);
  return " xattrs " + sha256_hex(encoder.bytes());
}

// What stamp_of() says of both.
bool is_same(const struct stat& now, const SourceStatus& then) {
  return now.st_size == then.st_size && now.st_mtim.tv_sec == then.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == then.st_mtim.tv_nsec && now.st_ctim.tv_sec == then.st_ctim.tv_sec &&
         now.st_ctim.tv_nsec == then.st_ctim.tv_nsec && now.st_ino == then.st_ino &&
         now.st_dev == then.st_dev;
}

Result<std::string> hash_file(const Fd& file, const SourceEntry& entry, const CancelToken* cancel) {
  HashingSink sink(nullptr);
  std::vector<std::byte> buffer(
      static_cast<std::size_t>(std::clamp<off_t>(entry.status.st_size, 1, 256 * 1024)));
  while (const std::size_t size = TRY(posix::read_some(file, buffer))) {
    if (cancel) TRY(cancel->check());
    TRY(sink.write(std::span(buffer).first(size)));
  }
  if (!is_same(TRY(posix::stat_fd(file)), entry.status)) {
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
      m_root(std::move(root)),
      m_ignore(std::move(ignore)),
      m_known(database, m_directory, options.is_temporary) {}

std::string stamp_of(const SourceStatus& status) {
  return fmt::format("{}:{}.{}:{}.{}:{}:{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                     status.st_ctim.tv_sec, status.st_ctim.tv_nsec, status.st_ino, status.st_dev);
}

Result<std::unique_ptr<BuildContext>> BuildContext::open(const std::string& directory, Database& database,
                                                         ContextOptions options) {
  Fd root = TRY_WHILE(posix::open(directory, O_RDONLY | O_DIRECTORY), "opening the build context");
  IgnoreFile ignore = TRY_WHILE(read_ignore_file(root, options.ignore), "reading the build context");
  return std::unique_ptr<BuildContext>(
      new BuildContext(directory, std::move(root), std::move(ignore), database, options));
}

Result<> BuildContext::compute(const std::vector<const SourceEntry*>& entries, const CancelToken* cancel) {
  std::vector<KnownFiles::Computed> files(entries.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&]() -> Result<> {
    ParentDirectory parent(m_root);
    for (std::size_t i = next++; i < entries.size(); i = next++) {
      const Fd file = TRY_WHILE(parent.open(entries[i]->path), "reading the build context");
      std::string digest = TRY_WHILE(hash_file(file, *entries[i], cancel), "reading the build context");
      files[i] = {entries[i], std::move(digest)};
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
  return m_known.add(files);
}

// A few files that are not known get their digest at once. When there are many, it is done for all together,
// and the list of inputs made anew.
Result<bool> BuildContext::append_digest(const SourceEntry& entry, std::string& value,
                                         const CancelToken* cancel) {
  if (TRY(m_known.append_digest(entry, value))) return true;
  if (m_single == k_single_limit) return false;
  ++m_single;
  TRY(compute({&entry}, cancel));
  return m_known.append_digest(entry, value);
}

Result<> BuildContext::add_inputs(const SourceItem& item, KeyInputs& inputs,
                                  std::vector<const SourceEntry*>& unknown, const CancelToken* cancel) {
  std::map<std::pair<dev_t, ino_t>, std::string> links;
  const std::string& own = item.entries.front().path;
  if (item.named != own) inputs.push_back({m_prefix + item.named, "link " + own});
  std::string name = m_prefix;
  std::string value;
  for (const SourceEntry& entry : item.entries) {
    const mode_t mode = entry.status.st_mode & 07777;
    if (S_ISREG(entry.status.st_mode)) {
      value = "file ";
      append_mode(value, mode);
      value += ' ';
      if (!TRY(append_digest(entry, value, cancel))) {
        unknown.push_back(&entry);
        continue;
      }
      if (entry.status.has_more_names) {
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
    name.resize(m_prefix.size());
    name += entry.path.empty() ? std::string_view(".") : std::string_view(entry.path);
    if (unknown.empty()) inputs.push_back({name, value});
  }
  return {};
}

Result<> BuildContext::add_inputs(const std::vector<SourceItem>& items, KeyInputs& inputs,
                                  const CancelToken* cancel) {
  m_single = 0;
  for (;;) {
    // Nearly always all files are known; else those that are not become so, and it is done again.
    KeyInputs all = inputs;
    std::vector<const SourceEntry*> unknown;
    for (const SourceItem& item : items) TRY(add_inputs(item, all, unknown, cancel));
    if (unknown.empty()) {
      inputs = std::move(all);
      return {};
    }
    all = {};
    TRY(compute(unknown, cancel));
  }
}

Result<BuildContext::NamedFile> BuildContext::file(const std::string& path, const CancelToken* cancel) {
  const RootPath found = TRY(resolve_in_root(m_root, path));
  if (!found.status || !S_ISREG(found.status->st_mode)) {
    return fail(ErrorKind::not_found, "there is no file '{}' in the context", printable(path));
  }
  const SourceEntry entry{found.path, *found.status};
  std::string digest;
  if (!TRY(m_known.append_digest(entry, digest))) {
    TRY(compute({&entry}, cancel));
    TRY(m_known.append_digest(entry, digest));
  }
  // Of the content alone: the attributes come behind it.
  digest.resize(64);
  return NamedFile{entry, std::move(digest)};
}

}  // namespace ecrin::build

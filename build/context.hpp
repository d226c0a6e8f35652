// BuildContext: the directory that COPY, ADD and bind mounts read. Its files are known by content: a key has
// the type, mode and digest of each selected file, not owner or time. Digests are remembered with the file's
// size, times and inode, so that an unchanged build opens no file of the context.
//
// Deliberate: of extended attributes only user.* are copied, owners become root, times become the epoch. What
// an image holds must not depend on who checked out the sources, where and when.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/database.hpp"
#include "build/cache_key.hpp"
#include "build/source_tree.hpp"

namespace ecrin::build {

struct ContextOptions {
  std::string name;  // of a named one
  IgnorePlaces ignore;
  bool is_temporary = false;  // unpacked for this build: nothing is to be remembered of its files
};

class BuildContext {
public:
  /// Opens the directory and reads its ignore file.
  static Result<std::unique_ptr<BuildContext>> open(const std::string& directory, Database& database,
                                                    ContextOptions options = {});

  const std::string& directory() const { return m_directory; }
  const Fd& root() const { return m_root; }
  bool has_ignore_file() const { return !m_ignore.name.empty(); }
  /// For COPY and bind mounts: what the ignore file leaves.
  SourceTree tree() const { return {&m_root, &m_ignore.rules, m_display_name, m_ignore.name}; }

  /// One input for each selected file: "file <path>", of a named context "file <name>:<path>".
  Result<KeyInputs> inputs(const std::vector<SourceItem>& items, const CancelToken* cancel);
  /// One file that the recipe names outside of COPY (a root file system), with the digest of its content.
  struct NamedFile {
    SourceEntry entry;
    std::string digest;
  };
  Result<NamedFile> file(const std::string& path, const CancelToken* cancel);

  /// What was found out about a file the last time, if the file is as it was then: the image in an archive.
  Result<std::optional<std::string>> remembered(const std::string& what, const struct stat& file);
  /// For the next build; `what` names file and question.
  void remember(const std::string& what, const struct stat& file, std::string answer);

  /// Keeps the digests that were computed and what is to be remembered. `now` in seconds: files changed in
  /// the last two are not kept, since a change in the same tick of the clock would not show.
  Result<> save(std::int64_t now);

private:
  struct Known {
    std::string stamp;
    std::string digest;
  };
  struct Computed {
    Known known;
    std::int64_t changed = 0;
  };
  BuildContext(std::string directory, Fd root, IgnoreFile ignore, Database& database,
               const ContextOptions& options);
  Result<> load();
  /// Fills m_computed for the files whose digest is not known, on all processors.
  Result<> compute(const std::vector<const SourceEntry*>& entries, const CancelToken* cancel);
  const std::string* digest_of(const SourceEntry& entry) const;

  std::string m_directory;
  std::string m_display_name;
  std::string m_prefix;  // of the names of inputs
  bool m_is_temporary;
  Fd m_root;
  IgnoreFile m_ignore;
  Database& m_database;
  bool m_loaded = false;
  std::unordered_map<std::string, Known> m_known;
  std::unordered_map<std::string, Computed> m_computed;
};

}  // namespace ecrin::build

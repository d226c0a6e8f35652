// BuildContext: the directory that COPY, ADD and bind mounts read. Its files are known by content: a key has
// the type, mode and digest of each selected file, not owner or time. Digests are remembered with the file's
// size, times and inode, so that an unchanged build opens no file of the context.
//
// Deliberate: of extended attributes only user.* are copied, owners become root, times become the epoch. What
// an image holds must not depend on who checked out the sources, where and when.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "build/cache_key.hpp"
#include "build/known_files.hpp"
#include "build/source_tree.hpp"

namespace ecrin::build {

/// Another one when the file may have changed.
std::string stamp_of(const SourceStatus& status);

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

  /// Adds one input for each selected file: "file <path>", of a named context "file <name>:<path>".
  Result<> add_inputs(const std::vector<SourceItem>& items, KeyInputs& inputs, const CancelToken* cancel);
  /// One file that the recipe names outside of COPY (a root file system), with the digest of its content.
  struct NamedFile {
    SourceEntry entry;
    std::string digest;
  };
  Result<NamedFile> file(const std::string& path, const CancelToken* cancel);

  /// What was found out about a file the last time, if the file is as it was then: the image in an archive.
  Result<std::optional<std::string>> remembered(const std::string& what, const struct stat& file) {
    return m_known.answer(what, file);
  }
  /// For the next build; `what` names file and question.
  void remember(const std::string& what, const struct stat& file, std::string answer) {
    m_known.add_answer(what, file, std::move(answer));
  }

  /// Keeps the digests that were computed and what is to be remembered (KnownFiles::save).
  Result<> save(std::int64_t now) { return m_known.save(now); }

private:
  BuildContext(std::string directory, Fd root, IgnoreFile ignore, Database& database,
               const ContextOptions& options);
  /// For the files whose digest is not known, on all processors.
  Result<> compute(const std::vector<const SourceEntry*>& entries, const CancelToken* cancel);
  Result<> add_inputs(const SourceItem& item, KeyInputs& inputs, std::vector<const SourceEntry*>& unknown,
                      const CancelToken* cancel);
  Result<bool> append_digest(const SourceEntry& entry, std::string& value, const CancelToken* cancel);

  std::string m_directory;
  std::string m_display_name;
  std::string m_prefix;  // of the names of inputs
  Fd m_root;
  IgnoreFile m_ignore;
  KnownFiles m_known;
  std::size_t m_single = 0;  // files of this list whose digest was computed one by one
};

}  // namespace ecrin::build

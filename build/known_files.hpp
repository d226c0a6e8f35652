// KnownFiles: digests of a context's files, remembered from build to build for files whose size, times and
// inode stay the same. The database has one row for each directory, with its files by name: an unchanged
// build reads as many rows as there are directories, goes through them as the walk does, and keeps none of
// it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/database.hpp"
#include "build/source_tree.hpp"

namespace ecrin::build {

class KnownFiles {
public:
  /// `context` is its directory. Of a temporary one nothing is kept for the next build.
  KnownFiles(Database& database, std::string context, bool is_temporary);

  /// Appends the digest of this regular file if it is as it was when that was computed. Fast for paths in the
  /// order of a walk.
  Result<bool> append_digest(const SourceEntry& entry, std::string& text);
  struct Computed {
    const SourceEntry* entry = nullptr;
    std::string digest;  // hexadecimal SHA-256, and what else there is to say
  };
  Result<> add(const std::vector<Computed>& files);

  /// What was found out about a file besides: `question` names both.
  Result<std::optional<std::string>> answer(const std::string& question, const SourceStatus& file);
  void add_answer(const std::string& question, const SourceStatus& file, std::string answer);

  /// Keeps what was added. `now` in seconds: files changed in the last two are not kept, since a change in
  /// the same tick of the clock would not show.
  Result<> save(std::int64_t now);

private:
  struct Directory {
    std::string path;
    std::string rows;
    std::size_t position = 0;  // of the row after the last one that was passed
    std::size_t last = 0;      // of that one
  };
  struct Answer {
    std::string stamp;
    std::string text;
    std::int64_t changed = 0;
  };
  Result<Directory*> enter(std::string_view path);
  Result<std::string> rows_of(std::string_view directory);

  Database& m_database;
  std::string m_context;
  bool m_is_temporary;
  std::optional<Statement> m_select;
  std::vector<Directory> m_entered;                           // from the outside to that of the last file
  std::map<std::string, std::string, std::less<>> m_changed;  // directory -> rows
  std::map<std::string, Answer> m_answers;
};

}  // namespace ecrin::build

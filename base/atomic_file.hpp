// AtomicFile: a file that is there whole or not at all: temporary name beside it, write, fsync, rename.
#pragma once

#include <string>

#include "base/fd.hpp"

namespace ecrin {

class AtomicFile {
public:
  enum class Sync { no, yes };
  /// Creates `directory`/.<name>.<random>. The directory must exist.
  static Result<AtomicFile> create(const Fd& directory, std::string name, mode_t mode);
  AtomicFile(AtomicFile&&) noexcept = default;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();  // removes the temporary unless committed

  const Fd& file() const { return m_file; }
  Result<> commit(Sync sync);

private:
  AtomicFile(Fd directory, Fd file, std::string name, std::string temporary);
  Fd m_directory;
  Fd m_file;
  std::string m_name;
  std::string m_temporary;
};

/// The common case: a whole text at a path (relative to the working directory or absolute).
Result<> write_file_atomically(const std::string& path, std::string_view bytes, mode_t mode = 0644,
                               AtomicFile::Sync sync = AtomicFile::Sync::no);

}  // namespace ecrin

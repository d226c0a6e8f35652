// DirectoryWriter: an image directory that is being filled. Files appear whole; without commit() all of them
// and all new directories go again, so that a failed copy leaves what was there. Internal to oci/.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_lock.hpp"
#include "base/stream.hpp"
#include "oci/descriptor.hpp"

namespace ecrin::oci {

class DirectoryWriter {
public:
  /// Makes the directory where it is missing, and locks it: two writers take turns.
  static Result<std::unique_ptr<DirectoryWriter>> open(const std::string& path);
  DirectoryWriter(const DirectoryWriter&) = delete;
  DirectoryWriter& operator=(const DirectoryWriter&) = delete;
  ~DirectoryWriter();

  const std::string& path() const { return m_path; }
  const Fd& directory() const { return m_lock.file(); }

  /// Is there a file with the blob's size? Names are paths below the directory.
  Result<bool> has(const std::string& name, std::uint64_t size);
  Result<> make_directory(const std::string& name);
  /// Digest and size are verified before the file gets its name. Safe from any thread.
  Result<> put(const std::string& name, const Descriptor& descriptor, std::unique_ptr<Source> source);
  /// Replaces what was there, which cannot be undone: only for the change that makes the others count.
  Result<> replace(const std::string& name, std::string_view bytes);
  void commit() { m_committed = true; }

private:
  DirectoryWriter() = default;
  struct Made {
    std::string parent, name;  // paths
  };
  std::string m_path;
  FileLock m_lock;
  bool m_committed = false;
  std::vector<Made> m_parents;  // directories above, which had to be made
  std::mutex m_mutex;           // guards the two below
  std::vector<std::string> m_files;
  std::vector<std::string> m_directories;
};

}  // namespace ecrin::oci

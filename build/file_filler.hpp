// FileFiller: content and attributes for files that were made a moment ago. Where there are many, a second
// thread takes part: to make a file takes about as long as to fill it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "build/upper_tree.hpp"

namespace ecrin::build {

class FileFiller {
public:
  struct Job {
    const SourceEntry* entry;  // outlives the filler's finish()
    Fd source;
    std::uint64_t size;     // bytes of it to copy
    Fd file;                // new, open for writing
    Attributes attributes;  // all but xattrs, which are the source's
    std::string target;     // for messages
  };

  FileFiller(const SourceTree& tree, const CopyOptions& options) : m_tree(tree), m_options(options) {}
  FileFiller(const FileFiller&) = delete;
  FileFiller& operator=(const FileFiller&) = delete;
  /// What waits is dropped.
  ~FileFiller();

  /// Now or later. Fails as well with what went wrong with an earlier file.
  Result<> fill(Job job);
  /// Everything is filled.
  Result<> finish();

private:
  using Batch = std::vector<Job>;
  Result<> fill_now(Job job) const;
  Result<> fill_all(Batch batch) const;
  Result<> pass_on();
  void work();

  const SourceTree& m_tree;
  const CopyOptions& m_options;
  std::size_t m_count = 0;
  Batch m_next;
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::deque<Batch> m_waiting;
  bool m_is_ending = false;
  std::optional<Error> m_failure;
  std::thread m_thread;
};

}  // namespace ecrin::build

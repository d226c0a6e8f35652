// DirectoriesAhead: a second thread lists directories that a walk will come to, and looks at what is in them,
// from the last one on, while the walk itself goes on from the first. Nearly all that an unchanged context
// costs is one stat(2) a file.
#pragma once

#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "build/source_tree.hpp"

namespace ecrin::build {

struct DirectoryChild {
  std::string name;
  SourceStatus status;
};
using DirectoryChildren = std::vector<DirectoryChild>;  // sorted by bytes of their names

class DirectoriesAhead {
public:
  /// Both must outlive it.
  DirectoriesAhead(const SourceTree& tree, const CancelToken* cancel) : m_tree(tree), m_cancel(cancel) {}
  DirectoriesAhead(const DirectoriesAhead&) = delete;
  DirectoriesAhead& operator=(const DirectoriesAhead&) = delete;
  ~DirectoriesAhead();

  /// Real directories below the root that children() will be called for, in this order and before any that
  /// were announced earlier.
  void expect(std::vector<std::string> directories);
  /// Of any directory. What was removed since the listing is not there.
  Result<DirectoryChildren> children(const std::string& directory);

private:
  struct Expected {
    std::string path;
    std::optional<Result<DirectoryChildren>> found;  // once the other thread has read it
  };
  Result<DirectoryChildren> read(const std::string& directory) const;
  void work();

  const SourceTree& m_tree;
  const CancelToken* m_cancel;
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::list<Expected> m_expected;                            // the next one that is asked for first
  std::list<Expected>::iterator m_taken = m_expected.end();  // from here on the other thread has taken all
  std::size_t m_waiting = 0;                                 // children that were read and not asked for
  bool m_is_ending = false;
  std::thread m_thread;
};

}  // namespace ecrin::build

// DirectoriesAhead: a second thread lists directories that a walk will come to, and looks at what is in them,
// from the last one on and each with all below it, while the walk itself goes on from the first. Nearly all
// that an unchanged context costs is one stat(2) a file.
//
// Neither waits for the other if it can help it: the next directory of all is left to the walk, and a
// directory whose rest is not read yet when the walk comes there is left to it from then on. To wake a thread
// may take longer than to read a directory.
#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
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

  enum class Below { unknown, not_ignored };
  /// Real directories below the root that children() will be called for, in this order and before any that
  /// were announced earlier. `below`: of those in them, too, but for what the tree's ignore rules leave out?
  void expect(std::vector<std::string> directories, Below below);
  /// Of any directory. What was removed since the listing is not there.
  Result<DirectoryChildren> children(const std::string& directory);

private:
  using Listings = std::map<std::string, DirectoryChildren>;
  struct Expected {
    std::string path;
    Below goes_on = Below::unknown;
    std::optional<Result<DirectoryChildren>> found = {};  // once the other thread has read it
    Listings below = {};                                  // what it has read there
    bool is_left = false;                                 // the walk has come here
  };
  using ExpectedPointer = std::shared_ptr<Expected>;
  Result<DirectoryChildren> read(const std::string& directory) const;
  std::vector<std::string> directories_in(const std::string& directory,
                                          const DirectoryChildren& children) const;
  bool has_work() const;
  void work();
  void read_all(std::unique_lock<std::mutex>& lock, Expected& expected,
                const std::vector<std::string>& directories);

  const SourceTree& m_tree;
  const CancelToken* m_cancel;
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::list<ExpectedPointer> m_expected;                            // the next one that is asked for first
  std::list<ExpectedPointer>::iterator m_taken = m_expected.end();  // from here on the other has taken all
  std::size_t m_waiting = 0;  // children that were read and not asked for
  Listings m_known;           // of the walk: what it got with others
  bool m_is_ending = false;
  std::thread m_thread;
};

}  // namespace ecrin::build

// What programs used of an image: the paths that they looked up and the files and directories that they read.
// ImageUsage is the value, UsageRecorder fills it while an ImageServer answers the kernel.
//
// The kernel asks once for what it then remembers, so a path stands here once however often it was used. It
// resolves symlinks and ".." itself, name by name: all paths are real ones. Recording writes down numbers of
// nodes; paths are made at the end.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fs/fuse/image_view.hpp"

namespace ecrin::fs {

struct ImageUsage {
  /// How often the attributes of a directory were asked for. Walking through it does not ask. The overlay
  /// asks once before it copies the directory up, and then lists the attributes: so of a directory of which
  /// the upper side has a copy, one of `before_xattrs` is the overlay's. opendir(3) asks too, but so may a
  /// program that has a look at a directory's time and lists it then: whoever must not miss that counts
  /// `before_listing`. Once `plain` is sure to be more than 0 the kernel keeps the answer, and counting ends.
  struct Asked {
    std::uint32_t plain = 0;           // neither of:
    std::uint32_t before_listing = 0;  // the same thread listed the directory next
    std::uint32_t before_xattrs = 0;   // the same thread listed its xattrs next
    bool operator==(const Asked&) const = default;
  };

  // All sorted by bytes, without doubles; "" is the root, "usr/bin/env" a file.
  std::vector<std::string>
      found;  // looked up and there: its type, owner, mode, size, time, link target count
  std::vector<std::string> absent;  // looked up and not there
  std::vector<std::string> listed;  // directories whose names were read
  std::vector<std::string> read;    // files of which content was read; of hard links all names in `found`
  std::map<std::string, Asked> asked;
  bool operator==(const ImageUsage&) const = default;
};

/// All functions may be called from any thread.
class UsageRecorder {
public:
  explicit UsageRecorder(const ImageView& view) : m_view(view) {}

  void found(NodeId directory, std::string_view name, NodeId node);
  void absent(NodeId directory, std::string_view name);
  void read(NodeId file) { mark(file, Mark::read); }
  /// Of a directory, by this thread of the program (0: unknown). True: to hear of it again tells nothing new.
  bool asked(NodeId directory, pid_t thread);
  void listed(NodeId directory, pid_t thread);
  void listed_xattrs(NodeId node, pid_t thread);

  ImageUsage usage() const;

private:
  enum class Mark : std::uint8_t { found = 1, listed = 2, read = 4 };
  struct Names {
    mutable std::mutex mutex;
    std::set<std::pair<NodeId, std::string>, std::less<>> names;
  };
  struct Link {
    NodeId directory;
    std::string name;
    NodeId node;
    auto operator<=>(const Link&) const = default;
  };
  struct AskedState {
    ImageUsage::Asked counts;
    std::vector<pid_t> open;  // threads whose question a listing may still explain
    bool is_sure = false;
  };
  using Kind = std::uint32_t ImageUsage::Asked::*;

  void mark(NodeId node, Mark mark);
  bool is_marked(NodeId node, Mark mark) const;
  // What the last question of this thread was for.
  void explain(NodeId directory, pid_t thread, Kind kind);

  const ImageView& m_view;
  GrowingArray<std::atomic<std::uint8_t>> m_marks;
  std::array<Names, 16> m_absent;
  mutable std::mutex m_mutex;  // of the rest, which is rare
  std::set<Link> m_links;      // found by a name that is not the node's own
  std::unordered_map<NodeId, AskedState> m_asked;
  std::unordered_map<pid_t, NodeId> m_last_asked;
};

}  // namespace ecrin::fs

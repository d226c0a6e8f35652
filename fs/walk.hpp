// walk: visits a tree depth first, names sorted by bytes, parents first, at any depth. A visitor may remove
// or replace what it is shown.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/directory_stack.hpp"
#include "fs/metadata.hpp"

namespace ecrin::fs {

struct Place {
  const Fd& directory;        // holds `name`; O_PATH
  const std::string& prefix;  // path of that directory in the tree: "" or "a/b/"
  const std::string& name;
  const struct stat& status;  // as it was when the walk came here first
  std::string path() const { return prefix + name; }
  Node node() const { return {directory, name, status}; }
};

using Names = std::vector<std::string>;
enum class Descend { no, yes };

/// What a visitor must have; derive for the parts that it does not need.
struct Visitor {
  /// The names of a directory that the walk goes into (also the root): may be changed.
  Result<> list(const Fd&, Names&) { return {}; }
  /// After the last name of a directory that was descended into (not the root).
  Result<> leave(const Place&) { return {}; }
};

inline Result<Names> names_of(const Fd& directory) {
  Names names;
  for (posix::DirectoryEntry& entry : TRY(posix::list_directory(directory))) {
    names.push_back(std::move(entry.name));
  }
  return names;
}

/// `visitor` also has `Result<Descend> visit(const Place&)`, called for every name.
template <class V>
Result<> walk(const Fd& root, V& visitor, const CancelToken* cancel = nullptr) {
  struct Frame {
    Names names;
    std::size_t next = 0;
    std::string name;  // of this directory in its parent
    struct stat status = {};
  };
  auto stack = TRY(DirectoryStack::open(root));
  std::string prefix;
  std::vector<Frame> frames(1);
  const auto named = [&](auto result, const std::string& name) {
    if (!result && result.error().kind() != ErrorKind::cancelled) {
      result = std::unexpected(
          std::move(result).error().context(fmt::format("working on '{}'", printable(prefix + name))));
    }
    return result;
  };
  frames[0].names = TRY(names_of(stack.top()));
  TRY(visitor.list(stack.top(), frames[0].names));
  for (;;) {
    if (cancel) TRY(cancel->check());
    Frame& frame = frames.back();
    if (frame.next < frame.names.size()) {
      const std::string name = frame.names[frame.next++];
      const struct stat status = TRY(named(status_at(stack.top(), name), name));
      const Place place{.directory = stack.top(), .prefix = prefix, .name = name, .status = status};
      if (TRY(named(visitor.visit(place), name)) == Descend::no) continue;
      TRY(named(stack.enter(name), name));
      frames.push_back({.names = TRY(named(names_of(stack.top()), name)), .name = name, .status = status});
      TRY(named(visitor.list(stack.top(), frames.back().names), name));
      prefix += name + "/";
      continue;
    }
    if (frames.size() == 1) return {};
    const Frame done = std::move(frames.back());
    frames.pop_back();
    prefix.resize(prefix.size() - done.name.size() - 1);
    TRY(named(stack.leave(), done.name));
    const Place place{.directory = stack.top(), .prefix = prefix, .name = done.name, .status = done.status};
    TRY(named(visitor.leave(place), done.name));
  }
}

}  // namespace ecrin::fs

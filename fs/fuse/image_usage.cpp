#include "fs/fuse/image_usage.hpp"

#include <algorithm>

namespace ecrin::fs {

namespace {

constexpr std::size_t k_open_questions = 2;

void make_set(std::vector<std::string>& paths) {
  std::ranges::sort(paths);
  const auto doubles = std::ranges::unique(paths);
  paths.erase(doubles.begin(), doubles.end());
}

}  // namespace

void UsageRecorder::mark(NodeId node, Mark mark) {
  std::atomic<std::uint8_t>& marks = m_marks.make(node);
  const auto bit = static_cast<std::uint8_t>(mark);
  if ((marks.load(std::memory_order_relaxed) & bit) == 0) marks.fetch_or(bit, std::memory_order_relaxed);
}

bool UsageRecorder::is_marked(NodeId node, Mark mark) const {
  const std::atomic<std::uint8_t>* marks = m_marks.find(node);
  return marks && (marks->load(std::memory_order_relaxed) & static_cast<std::uint8_t>(mark)) != 0;
}

void UsageRecorder::found(NodeId directory, std::string_view name, NodeId node) {
  if (m_view.parent(node) == directory && m_view.name(node) == name) {
    mark(node, Mark::found);
    return;
  }
  const std::scoped_lock lock(m_mutex);
  m_links.insert({.directory = directory, .name = std::string(name), .node = node});
}

void UsageRecorder::absent(NodeId directory, std::string_view name) {
  Names& shard = m_absent[directory % m_absent.size()];
  const std::scoped_lock lock(shard.mutex);
  shard.names.emplace(directory, name);
}

bool UsageRecorder::asked(NodeId directory, pid_t thread) {
  const std::scoped_lock lock(m_mutex);
  AskedState& state = m_asked[directory];
  ++state.counts.plain;
  // Whoever asks twice did not ask for a listing, and a few threads that do not go on to list are enough.
  if (thread == 0 || std::ranges::count(state.open, thread) > 0 || state.open.size() == k_open_questions)
    state.is_sure = true;
  if (thread != 0) {
    m_last_asked[thread] = directory;
    state.open.push_back(thread);
  }
  if (state.is_sure) state.open.clear();
  return state.is_sure;
}

void UsageRecorder::explain(NodeId directory, pid_t thread, Kind kind) {
  const std::scoped_lock lock(m_mutex);
  const auto last = m_last_asked.find(thread);
  if (last == m_last_asked.end() || last->second != directory) return;
  m_last_asked.erase(last);
  AskedState& state = m_asked[directory];
  if (state.is_sure) return;  // who asked after that was not heard
  std::erase(state.open, thread);
  --state.counts.plain;
  ++(state.counts.*kind);
}

void UsageRecorder::listed(NodeId directory, pid_t thread) {
  explain(directory, thread, &ImageUsage::Asked::before_listing);
  mark(directory, Mark::listed);
}

void UsageRecorder::listed_xattrs(NodeId node, pid_t thread) {
  explain(node, thread, &ImageUsage::Asked::before_xattrs);
}

ImageUsage UsageRecorder::usage() const {
  ImageUsage usage;
  const std::size_t count = m_view.node_count();
  for (NodeId node = k_root_node; node <= count; ++node) {
    const bool is_found = is_marked(node, Mark::found);
    const bool is_read = is_marked(node, Mark::read);
    const bool is_listed = is_marked(node, Mark::listed);
    if (!is_found && !is_read && !is_listed) continue;
    std::string path = m_view.path(node);
    if (is_listed) usage.listed.push_back(path);
    if (is_read) usage.read.push_back(path);
    if (is_found) usage.found.push_back(std::move(path));
  }
  for (const Names& shard : m_absent) {
    const std::scoped_lock lock(shard.mutex);
    for (const auto& [directory, name] : shard.names) usage.absent.push_back(m_view.path(directory, name));
  }
  const std::scoped_lock lock(m_mutex);
  for (const Link& link : m_links) {
    std::string path = m_view.path(link.directory, link.name);
    if (is_marked(link.node, Mark::read)) usage.read.push_back(path);
    usage.found.push_back(std::move(path));
  }
  for (const auto& [directory, state] : m_asked) usage.asked.emplace(m_view.path(directory), state.counts);
  for (auto* paths : {&usage.found, &usage.absent, &usage.listed, &usage.read}) make_set(*paths);
  return usage;
}

}  // namespace ecrin::fs

#include "build/file_filler.hpp"

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::build {

namespace {
constexpr std::size_t k_few = 64;          // files that are not worth a thread
constexpr std::size_t k_batch = 16;        // files that are passed on together
constexpr std::size_t k_most_waiting = 8;  // batches; each file holds two descriptors
}  // namespace

FileFiller::~FileFiller() {
  if (!m_thread.joinable()) return;
  {
    const std::scoped_lock lock(m_mutex);
    m_waiting.clear();
    m_is_ending = true;
  }
  m_changed.notify_all();
  m_thread.join();
}

Result<> FileFiller::fill(Job job) {
  if (++m_count <= k_few) return fill_now(std::move(job));
  m_next.push_back(std::move(job));
  return m_next.size() < k_batch ? Result<>{} : pass_on();
}

Result<> FileFiller::pass_on() {
  Batch batch = std::exchange(m_next, {});
  if (!m_thread.joinable()) {
    if (std::thread::hardware_concurrency() < 2) return fill_all(std::move(batch));
    m_thread = std::thread([this] { work(); });
  }
  {
    const std::scoped_lock lock(m_mutex);
    if (m_failure) return std::unexpected(*m_failure);
    if (m_waiting.size() < k_most_waiting) {
      m_waiting.push_back(std::move(batch));
      m_changed.notify_all();
      return {};
    }
  }
  return fill_all(std::move(batch));
}

Result<> FileFiller::finish() {
  TRY(fill_all(std::exchange(m_next, {})));
  if (!m_thread.joinable()) return {};
  // What still waits is shared.
  for (;;) {
    Batch batch;
    {
      const std::scoped_lock lock(m_mutex);
      if (m_failure || m_waiting.empty()) break;
      batch = std::move(m_waiting.back());
      m_waiting.pop_back();
    }
    TRY(fill_all(std::move(batch)));
  }
  {
    const std::scoped_lock lock(m_mutex);
    m_is_ending = true;
  }
  m_changed.notify_all();
  m_thread.join();
  if (m_failure) return std::unexpected(*m_failure);
  return {};
}

void FileFiller::work() {
  for (;;) {
    Batch batch;
    {
      std::unique_lock lock(m_mutex);
      m_changed.wait(lock, [this] { return m_is_ending || !m_waiting.empty(); });
      if (m_waiting.empty()) return;
      batch = std::move(m_waiting.front());
      m_waiting.pop_front();
    }
    if (auto filled = fill_all(std::move(batch)); !filled) {
      const std::scoped_lock lock(m_mutex);
      m_failure = std::move(filled).error();
      m_waiting.clear();
      return;
    }
  }
}

Result<> FileFiller::fill_all(Batch batch) const {
  for (Job& job : batch) TRY(fill_now(std::move(job)));
  return {};
}

Result<> FileFiller::fill_now(Job job) const {
  TRY_WHILE(posix::copy_file_data(job.source, job.file, job.size), "copying '{}' to '/{}'",
            printable(job.entry->path), printable(job.target));
  if (m_options.must_be_unchanged) TRY(check_unchanged(m_tree, *job.entry, job.source));
  job.attributes.xattrs = fs::in_scope(m_options.xattrs, TRY(posix::list_xattrs(job.source)));
  TRY_WHILE(set_attributes(job.file, job.attributes), "copying '{}' to '/{}'", printable(job.entry->path),
            printable(job.target));
  return job.file.close();
}

}  // namespace ecrin::build

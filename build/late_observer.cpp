#include "build/late_observer.hpp"

#include <algorithm>

namespace ecrin::build {

void LateObserver::listen(std::shared_ptr<oci::CopyObserver> next) {
  const std::scoped_lock lock(m_mutex);
  m_next = std::move(next);
  if (!m_next) return;
  for (const oci::Descriptor& blob : m_going) m_next->blob_started(blob, 0);
}

void LateObserver::blob_started(const oci::Descriptor& blob, std::uint64_t already) {
  const std::scoped_lock lock(m_mutex);
  if (std::ranges::find(m_going, blob.digest, &oci::Descriptor::digest) == m_going.end())
    m_going.push_back(blob);
  if (m_next) m_next->blob_started(blob, already);
}

void LateObserver::blob_progress(const oci::Descriptor& blob, std::uint64_t bytes) {
  const std::scoped_lock lock(m_mutex);
  if (m_next) m_next->blob_progress(blob, bytes);
}

void LateObserver::blob_finished(const oci::Descriptor& blob, oci::BlobOutcome outcome) {
  const std::scoped_lock lock(m_mutex);
  std::erase_if(m_going, [&](const oci::Descriptor& other) { return other.digest == blob.digest; });
  if (m_next) m_next->blob_finished(blob, outcome);
}

}  // namespace ecrin::build

// LateObserver: passes on what it hears of transfers as soon as there is somebody to tell, beginning with
// what goes on then. Internal to build/.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "oci/copy_image.hpp"

namespace ecrin::build {

class LateObserver final : public oci::CopyObserver {
public:
  void listen(std::shared_ptr<oci::CopyObserver> next);
  void blob_started(const oci::Descriptor& blob, std::uint64_t already) override;
  void blob_progress(const oci::Descriptor& blob, std::uint64_t bytes) override;
  void blob_finished(const oci::Descriptor& blob, oci::BlobOutcome outcome) override;

private:
  std::mutex m_mutex;
  std::shared_ptr<oci::CopyObserver> m_next;
  std::vector<oci::Descriptor> m_going;
};

}  // namespace ecrin::build

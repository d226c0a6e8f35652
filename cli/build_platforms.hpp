// A build that makes more than an image: one for each platform, listed by an index, and --manifest, which
// adds what was built to an index with a name of its own.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "build/observer.hpp"
#include "build/output.hpp"
#include "build/workshop.hpp"
#include "oci/image_store.hpp"

namespace ecrin::cli {

struct PlatformImage {
  oci::Platform platform;  // that was asked for
  oci::Digest manifest;
};

/// Tells of several builds as of one: steps say their platform, a note that comes with each build comes once.
class PlatformObserver final : public build::BuildObserver {
public:
  explicit PlatformObserver(build::BuildObserver& observer) : m_observer(observer) {}
  /// What the steps are for that come now. "" = nothing to say.
  void set_platform(std::string platform) { m_platform = std::move(platform); }

  void planned(std::size_t total_steps) override { m_observer.planned(total_steps); }
  void step_started(const build::StepInfo& step) override { m_observer.step_started(here(step)); }
  void step_output(const build::StepInfo& step, std::string_view bytes) override {
    m_observer.step_output(here(step), bytes);
  }
  void step_finished(const build::StepInfo& step, const build::StepResult& result) override {
    m_observer.step_finished(here(step), result);
  }
  void note(const std::string& message) override {
    if (m_noted.insert(message).second) m_observer.note(message);
  }

private:
  build::StepInfo here(build::StepInfo step) const {
    step.platform = m_platform;
    return step;
  }
  build::BuildObserver& m_observer;
  std::string m_platform;
  std::set<std::string> m_noted;
};

/// An output that can hold one image only is an error.
Result<> check_holds_all(const build::OutputSpec& output);

/// The index of images that were built, with these names.
Result<oci::ImageRecord> make_index(oci::ImageStore& images, const std::vector<PlatformImage>& built,
                                    const std::vector<oci::Reference>& names);

/// Lists the images in the index of this name, each in the place of the one for its platform; makes the index
/// where there is none. An image of this name is an error.
Result<oci::ImageRecord> add_to_index(oci::ImageStore& images, const oci::Reference& name,
                                      const std::vector<PlatformImage>& built);

/// The index as a whole; files of the images in a directory for each platform, "linux_arm64".
Result<> write_index_output(build::Workshop& workshop, const oci::Digest& index,
                            const std::vector<oci::Reference>& names, const std::vector<PlatformImage>& built,
                            const build::OutputSpec& output, const CancelToken& cancel);

}  // namespace ecrin::cli

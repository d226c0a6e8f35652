// Workshop: the store opened with everything that works on it: blobs, images, layers, a layer driver. Here
// oci and fs meet: images become stacks of layer directories, layers made by builds become blobs.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/store.hpp"
#include "fs/layer_driver.hpp"
#include "fs/layer_store.hpp"
#include "oci/image_store.hpp"

namespace ecrin::build {

struct WorkshopOptions {
  std::string root;                               // of the store
  std::optional<fs::DriverKind> driver;           // none: the first that works, found when it is first needed
  std::string search_path;                        // for helper programs
  Store::Purpose purpose = Store::Purpose::work;  // freeing: for prune and rmi on a full disk
};

class Workshop {
public:
  static Result<std::unique_ptr<Workshop>> open(const WorkshopOptions& options);
  /// In a store that is open already, that of options.root.
  static Result<std::unique_ptr<Workshop>> open(const WorkshopOptions& options, std::unique_ptr<Store> store);

  Store& store() { return *m_store; }
  oci::BlobStore& blobs() { return *m_blobs; }
  oci::ImageStore& images() { return *m_images; }
  fs::LayerStore& layers() { return *m_layers; }
  const WorkshopOptions& options() const { return m_options; }
  Result<fs::LayerDriver*> driver();  // probes on first use; safe from any thread
  void drop_kept_trees();             // of mount_layers() for steps: there will be no more

  /// The layer directories of an image, bottom first; those that are missing are unpacked from their blobs
  /// (in parallel; digest and diff ID checked before anything is visible).
  Result<std::vector<fs::Layer>> unpack(const oci::Image& image, const CancelToken* cancel);
  Result<fs::Layer> unpack_layer(const oci::Descriptor& blob, const oci::DiffId& diff_id,
                                 const CancelToken* cancel);

private:
  Workshop() = default;
  Error explain_missing(Error error, const oci::DiffId& diff_id);
  WorkshopOptions m_options;
  std::unique_ptr<Store> m_store;
  std::unique_ptr<oci::BlobStore> m_blobs;
  std::unique_ptr<oci::ImageStore> m_images;
  std::unique_ptr<fs::LayerStore> m_layers;
  std::mutex m_driver_mutex;
  std::unique_ptr<fs::LayerDriver> m_driver;
};

/// The paths of layer directories, bottom first.
std::vector<std::string> layer_paths(Workshop& workshop, const std::vector<fs::Layer>& layers);
/// For mounts, in which a directory may be once only: of layers that are there twice, the topmost.
std::vector<std::string> distinct_paths(const std::vector<std::string>& paths);
std::vector<std::string> distinct_layer_paths(Workshop& workshop, const std::vector<fs::Layer>& layers);

/// A tree of layers mounted for one purpose, with an upper directory of its own (thrown away at the end) or
/// read-only.
struct TreeMount {
  std::optional<fs::LayerDraft> draft;  // holds upper and scratch
  std::unique_ptr<fs::MountedTree> tree;
};
/// looking: read-only, and no program gets to see it. step: writable, and others that are like it follow.
enum class Access { read_only, looking, writable, step };
Result<TreeMount> mount_layers(Workshop& workshop, const std::vector<fs::Layer>& layers, Access access);

}  // namespace ecrin::build

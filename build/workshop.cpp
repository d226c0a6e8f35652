#include "build/workshop.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "base/defer.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/thread_pool.hpp"
#include "build/build_cache.hpp"
#include "build/file_digests.hpp"
#include "build/image_steps.hpp"
#include "build/kept_steps.hpp"
#include "build/layer_source.hpp"
#include "build/layer_unpacker.hpp"
#include "build/run_traces.hpp"
#include "build/step_descriptions.hpp"
#include "build/step_traces.hpp"
#include "build/tree_results.hpp"
#include "build/working_containers.hpp"
#include "fs/file_owners.hpp"
#include "fs/tree.hpp"
#include "oci/blob_store.hpp"
#include "run/monitor/container_table.hpp"

namespace ecrin::build {

namespace {

/// A directory that is the tree already.
class PlainTree final : public fs::MountedTree {
public:
  explicit PlainTree(std::string path) : m_path(std::move(path)) {}
  const std::string& path() const override { return m_path; }
  Result<> finish() override { return {}; }

private:
  std::string m_path;
};

// The layers of an image are open together, 500 of them perhaps, in each of the steps that run at once; login
// shells allow 1,024 files. Containers get limits of their own.
void allow_many_files() {
  constexpr rlim_t k_enough = 16'384;
  struct rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= k_enough) return;
  limit.rlim_cur = std::min(limit.rlim_max, k_enough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Result<std::unique_ptr<Workshop>> Workshop::open(const WorkshopOptions& options) {
  return open(options, TRY(Store::open(options.root, options.purpose)));
}

Result<std::unique_ptr<Workshop>> Workshop::open(const WorkshopOptions& options,
                                                 std::unique_ptr<Store> store) {
  allow_many_files();
  std::unique_ptr<Workshop> workshop(new Workshop);
  workshop->m_options = options;
  workshop->m_store = std::move(store);
  workshop->m_blobs = TRY(oci::BlobStore::open(*workshop->m_store));
  workshop->m_layers = TRY(fs::LayerStore::open(*workshop->m_store));
  workshop->m_images = TRY(oci::ImageStore::open(*workshop->m_store, *workshop->m_blobs));
  TRY(migrate_build_tables(workshop->m_store->database()));
  TRY(StepTraces::migrate(workshop->m_store->database()));
  TRY(StepDescriptions::migrate(workshop->m_store->database()));
  TRY(TreeResults::migrate(workshop->m_store->database()));
  TRY(FileDigests::migrate(workshop->m_store->database()));
  TRY(migrate_image_steps(workshop->m_store->database()));
  TRY(RunTraces::migrate(workshop->m_store->database()));
  TRY(WorkingContainers::migrate(workshop->m_store->database()));
  TRY(run::ContainerTable::migrate(workshop->m_store->database()));
  TRY(KeptSteps::migrate(workshop->m_store->database()));

  // A layer of our own making is kept as a directory only: as a blob, it is made again from there.
  fs::LayerStore* layers = workshop->m_layers.get();
  workshop->m_blobs->set_provider(
      [layers](const oci::Digest& digest) -> Result<std::optional<std::unique_ptr<Source>>> {
        const auto layer = TRY(layers->find(digest.to_string()));
        if (!layer) return std::nullopt;
        return layer_source(TRY(posix::open(layers->path(*layer), O_RDONLY | O_DIRECTORY)));
      });
  return workshop;
}

Result<fs::LayerDriver*> Workshop::driver() {
  const std::scoped_lock lock(m_driver_mutex);
  if (!m_driver) {
    const std::string name = "probe-" + Store::unique_name();
    const Fd temporary = TRY(m_store->temporary());
    const Defer discard(
        [&] { (void)fs::remove_tree(temporary, name); });  // what stays is found by the next prune
    m_driver = TRY_WHILE(fs::make_driver(m_options.driver, m_store->temporary_path() + "/" + name,
                                         m_store->path() + "/driver"),
                         "looking for a way to stack layers");
  }
  return m_driver.get();
}

void Workshop::drop_kept_trees() {
  const std::scoped_lock lock(m_driver_mutex);
  if (m_driver) m_driver->drop_kept();
}

// Built layers have a directory only.
Error Workshop::explain_missing(Error error, const oci::DiffId& diff_id) {
  if (error.kind() != ErrorKind::not_found) return error;
  const auto other = fs::LayerStore::open_other_kind(*m_store);
  if (!other || !*other) return error;
  const auto found = (*other)->find(diff_id.digest.to_string());
  if (!found || !*found) return error;
  return Error(ErrorKind::not_found, error.message())
      .hint(fs::owners_are_recorded()
                ? "it was made with a range of ids, and this user has one id now: build "
                  "the image again, or give the range back (/etc/subuid)"
                : "it was made when this user had one id: build the image again");
}

Result<fs::Layer> Workshop::unpack_layer(const oci::Descriptor& blob, const oci::DiffId& diff_id,
                                         const CancelToken* cancel) {
  if (auto layer = TRY(m_layers->find(diff_id.digest.to_string()))) return std::move(*layer);
  auto packed = m_blobs->open_blob(blob);
  if (!packed) return std::unexpected(explain_missing(std::move(packed).error(), diff_id));
  return TRY(build::unpack_layer(*m_layers, std::move(*packed), blob, diff_id, cancel)).publish(*m_layers);
}

Result<std::vector<fs::Layer>> Workshop::unpack(const oci::Image& image, const CancelToken* cancel) {
  const auto& diff_ids = image.config.diff_ids;
  const auto& blobs = image.manifest.layers;
  if (diff_ids.size() != blobs.size()) {
    return fail(ErrorKind::invalid, "image {} has {} layers and {} diff IDs", image.id().digest.to_string(),
                blobs.size(), diff_ids.size());
  }
  std::vector<std::string> wanted;
  for (const oci::DiffId& diff_id : diff_ids) wanted.push_back(diff_id.digest.to_string());
  std::vector<std::optional<fs::Layer>> found = TRY(m_layers->find_each(wanted));
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < blobs.size(); ++i)
    if (!found[i]) missing.push_back(i);
  std::optional<Error> failure;
  if (!missing.empty()) {
    // All layers at once: each goes into a directory of its own.
    const std::size_t threads =
        std::min<std::size_t>(missing.size(), std::max(1u, std::thread::hardware_concurrency()));
    ThreadPool pool(threads);
    std::vector<std::future<Result<fs::Layer>>> unpacked;
    for (const std::size_t i : missing) {
      unpacked.push_back(pool.submit([&, i]() -> Result<fs::Layer> {
        return TRY_WHILE(unpack_layer(blobs[i], diff_ids[i], cancel), "unpacking layer {} of {}", i + 1,
                         blobs.size());
      }));
    }
    for (std::size_t k = 0; k < missing.size(); ++k) {
      auto layer = unpacked[k].get();
      if (layer) {
        found[missing[k]] = std::move(*layer);
      } else if (!failure) {
        failure = std::move(layer).error();
      }
    }
  }
  if (failure) {
    return std::unexpected(std::move(*failure).context("unpacking image " + image.id().digest.to_string()));
  }
  std::vector<fs::Layer> layers;
  for (auto& layer : found) layers.push_back(std::move(*layer));
  return layers;
}

std::vector<std::string> layer_paths(Workshop& workshop, const std::vector<fs::Layer>& layers) {
  std::vector<std::string> paths;
  for (const fs::Layer& layer : layers) paths.push_back(workshop.layers().path(layer));
  return paths;
}

std::vector<std::string> distinct_paths(const std::vector<std::string>& paths) {
  std::unordered_set<std::string_view> seen;
  std::vector<std::string> distinct;
  for (auto path = paths.rbegin(); path != paths.rend(); ++path)
    if (seen.insert(*path).second) distinct.push_back(*path);
  std::reverse(distinct.begin(), distinct.end());
  return distinct;
}

std::vector<std::string> distinct_layer_paths(Workshop& workshop, const std::vector<fs::Layer>& layers) {
  return distinct_paths(layer_paths(workshop, layers));
}

Result<TreeMount> mount_layers(Workshop& workshop, const std::vector<fs::Layer>& layers, Access access) {
  TreeMount mount;
  mount.draft.emplace(TRY(workshop.layers().draft()));
  const std::string& draft = mount.draft->path();
  if (layers.empty()) {
    // Nothing to stack: the empty directory is the tree, for reading as for writing.
    mount.tree = std::make_unique<PlainTree>(draft + "/diff");
    return mount;
  }
  fs::TreeRequest request;
  request.lowers = distinct_layer_paths(workshop, layers);
  const bool is_writable = access == Access::writable || access == Access::step;
  if (is_writable) request.upper = draft + "/diff";
  if (access == Access::step) request.keep = workshop.store().temporary_path();
  request.is_private = access == Access::looking;
  request.scratch = draft + "/scratch";
  TRY(posix::make_directories(request.scratch, 0700));
  mount.tree = TRY((*TRY(workshop.driver())).mount(request));
  return mount;
}

}  // namespace ecrin::build

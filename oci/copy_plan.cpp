#include "oci/copy_plan.hpp"

#include <set>

#include "base/hash.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_manifests_limit = 10'000;
constexpr std::size_t k_bytes_limit = 64u << 20;  // of all manifests, which are in memory at once

std::string hex_of(const std::string& bytes, HashAlgorithm algorithm) {
  Hasher hasher(algorithm);
  hasher.update(std::string_view(bytes));
  return hasher.finish_hex();
}

class Planner {
public:
  Planner(ImageSource& source, const CopyOptions& options, CopyObserver& observer, const CancelToken* cancel)
      : m_source(source), m_options(options), m_observer(observer), m_cancel(cancel) {}

  Result<CopyPlan> run() {
    TRY_WHILE(add(std::nullopt, 0), "reading {}", m_source.name());
    return std::move(m_plan);
  }

private:
  // Sources check too. What is copied under a digest must have it, whoever made the source.
  Result<RawManifest> read(const std::optional<Descriptor>& instance) {
    if (m_cancel) TRY(m_cancel->check());
    RawManifest raw = TRY(m_source.manifest(instance, m_cancel));
    const std::string what = fmt::format("manifest {}", raw.digest.to_string());
    if (raw.bytes.size() > k_manifest_limit)
      return fail(ErrorKind::limit, "{} has {} bytes, more than the {} that a manifest may have", what,
                  raw.bytes.size(), k_manifest_limit);
    const Digest& expected = instance ? instance->digest : raw.digest;
    if (raw.digest != expected || hex_of(raw.bytes, expected.algorithm()) != expected.hex())
      return fail(ErrorKind::invalid, "manifest {} has other content than its digest says",
                  expected.to_string());
    if (instance && (raw.bytes.size() != instance->size || raw.media_type != instance->media_type))
      return fail(ErrorKind::invalid, "{} is '{}' with {} bytes, but the index says '{}' with {} bytes", what,
                  raw.media_type, raw.bytes.size(), instance->media_type, instance->size);
    m_bytes += raw.bytes.size();
    if (m_bytes > k_bytes_limit || m_seen.size() >= k_manifests_limit)
      return fail(ErrorKind::limit, "the image index names too many manifests");
    return raw;
  }

  // false: the source does not have it, and need not.
  Result<bool> add(const std::optional<Descriptor>& instance, int depth) {
    if (instance && m_seen.contains(instance->digest)) return true;
    if (depth > k_index_depth_limit)
      return fail(ErrorKind::limit, "image indexes are nested more than {} deep", k_index_depth_limit);
    PlannedManifest planned;
    auto raw = read(instance);
    if (!raw && raw.error().kind() == ErrorKind::not_found && depth > 0 && m_options.partial) return false;
    planned.raw = TRY(std::move(raw));
    m_seen.insert(planned.raw.digest);
    const std::string what = fmt::format("manifest {}", planned.raw.digest.to_string());
    std::string type;
    if (media_type::is_index(planned.raw.media_type)) {
      ImageIndex index = TRY(ImageIndex::parse(planned.raw.bytes, what));
      type = index.media_type;
      if (!m_options.all) return add(TRY(select_platform(index, m_options.platform)), depth + 1);
      planned.children = std::move(index.manifests);
    } else {
      planned.image = TRY(ImageManifest::parse(planned.raw.bytes, what));
      type = planned.image->media_type;
      const std::string& config = planned.image->config.media_type;
      if (m_options.images_only && !media_type::is_image_config(config))
        return fail(ErrorKind::unsupported, "{} is not a container image: its config has the media type '{}'",
                    what, config);
    }
    if (type != planned.raw.media_type)
      return fail(ErrorKind::invalid, "{} says that it is '{}', but it was called '{}'", what, type,
                  planned.raw.media_type);
    m_observer.manifest(planned.raw);
    TRY(add_children(planned, what, depth));
    m_plan.manifests.push_back(std::move(planned));
    return true;
  }

  Result<> add_children(const PlannedManifest& planned, const std::string& what, int depth) {
    bool any = planned.children.empty();
    for (const Descriptor& child : planned.children) {
      if (media_type::is_manifest(child.media_type) || media_type::is_index(child.media_type))
        any = TRY(add(child, depth + 1)) || any;
      else if (!m_options.partial)
        return fail(ErrorKind::unsupported, "{} names content of the media type '{}', which is no manifest",
                    what, child.media_type);
    }
    if (any) return {};
    return fail(ErrorKind::not_found, "{} has none of the images that the index {} lists", m_source.name(),
                planned.raw.digest.to_string());
  }

  ImageSource& m_source;
  const CopyOptions& m_options;
  CopyObserver& m_observer;
  const CancelToken* m_cancel;
  CopyPlan m_plan;
  std::set<Digest> m_seen;
  std::size_t m_bytes = 0;
};

}  // namespace

Result<CopyPlan> plan_copy(ImageSource& source, const CopyOptions& options, CopyObserver& observer,
                           const CancelToken* cancel) {
  return Planner(source, options, observer, cancel).run();
}

}  // namespace ecrin::oci

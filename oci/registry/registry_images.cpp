#include "oci/registry/registry_images.hpp"

#include <mutex>

#include "base/log.hpp"
#include "oci/registry/registry_source.hpp"

namespace ecrin::oci {

namespace {

/// One place that may have an image: asked for the first time when it is needed.
class Place {
public:
  Place(HttpTransport& transport, const RegistryAccess& access, Endpoint endpoint)
      : m_transport(transport), m_access(access), m_endpoint(std::move(endpoint)) {}

  const Endpoint& endpoint() const { return m_endpoint; }
  ManifestName manifest_name() const { return ManifestName::of(m_endpoint.reference.with_default_tag()); }

  Result<RegistryClient*> client(const CancelToken* cancel) {
    const std::scoped_lock lock(m_mutex);
    if (!m_client) {
      RegistryEndpoint server = TRY(m_access.connect(m_transport, m_endpoint, cancel));
      m_client =
          std::make_unique<RegistryClient>(m_transport, std::move(server), m_endpoint.reference.repository,
                                           m_access.lookup(), m_access.exchange);
    }
    return m_client.get();
  }
  Result<RawManifest> manifest(const ManifestName& name, const CancelToken* cancel) {
    return (*TRY(client(cancel))).get_manifest(name, cancel);
  }

private:
  HttpTransport& m_transport;
  const RegistryAccess& m_access;
  Endpoint m_endpoint;
  std::mutex m_mutex;
  std::unique_ptr<RegistryClient> m_client;
};

Result<Digest> digest_at(RegistryClient& client, const ManifestName& name, const CancelToken* cancel) {
  if (const auto head = TRY(client.head_manifest(name, cancel))) return head->digest;
  // Says why, and asks those registries that answer no HEAD.
  return (TRY(client.get_manifest(name, cancel))).digest;
}

using Places = std::vector<std::unique_ptr<Place>>;

Result<Places> places_of(HttpTransport& transport, const RegistryAccess& access, const Reference& name) {
  Places places;
  for (Endpoint& endpoint : TRY(access.pull_endpoints(name)))
    places.push_back(std::make_unique<Place>(transport, access, std::move(endpoint)));
  return places;
}

/// `action` at the first place where it succeeds, from number `first` on. The registry itself is the last
/// place, and its answer counts.
template <class Action>
auto at_first_place(const Places& places, std::size_t first, Action action)
    -> decltype(action(*places.front(), first)) {
  for (std::size_t i = first;; ++i) {
    auto result = action(*places[i], i);
    const bool is_last = i + 1 == places.size();
    if (result || is_last || result.error().kind() == ErrorKind::cancelled) return result;
    log::debug("mirror {} is passed over: {}", places[i]->endpoint().host, result.error().message());
  }
}

class FoundSource final : public ImageSource {
public:
  FoundSource(Places places, std::size_t chosen, RawManifest top)
      : m_places(std::move(places)), m_chosen(chosen), m_top(std::move(top)) {}

  std::string name() const override {
    return "docker://" + m_places.back()->endpoint().reference.to_string();
  }
  Result<RawManifest> manifest(const std::optional<Descriptor>& instance,
                               const CancelToken* cancel) override {
    if (!instance) return m_top;
    return at_first_place(m_places, m_chosen, [&](Place& place, std::size_t) -> Result<RawManifest> {
      RegistrySource source(*TRY(place.client(cancel)), place.manifest_name());
      return source.manifest(instance, cancel);
    });
  }
  Result<std::unique_ptr<Source>> blob(const Descriptor& descriptor, std::uint64_t offset,
                                       const CancelToken* cancel) override {
    return at_first_place(
        m_places, m_chosen, [&](Place& place, std::size_t) -> Result<std::unique_ptr<Source>> {
          return (*TRY(place.client(cancel))).open_blob(descriptor.digest, descriptor.size, offset, cancel);
        });
  }

private:
  Places m_places;
  std::size_t m_chosen;
  RawManifest m_top;
};

class OwningDestination final : public ImageDestination {
public:
  OwningDestination(std::unique_ptr<RegistryClient> client, const ManifestName& name,
                    RegistryDestinationOptions options)
      : m_client(std::move(client)), m_destination(*m_client, name, std::move(options)) {}

  std::string name() const override { return m_destination.name(); }
  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken* cancel) override {
    return m_destination.find_blob(descriptor, cancel);
  }
  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext& context,
                    const CancelToken* cancel) override {
    return m_destination.put_blob(descriptor, open, context, cancel);
  }
  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken* cancel) override {
    return m_destination.put_manifest(manifest, place, cancel);
  }
  Result<> commit(const CancelToken* cancel) override { return m_destination.commit(cancel); }

private:
  std::unique_ptr<RegistryClient> m_client;
  RegistryDestination m_destination;
};

/// `action` for the first of the names that a short one may mean for which it succeeds. What is not there
/// under one name may be there under the next; any other failure ends the search.
template <class Action>
auto for_first_name(const RegistryAccess& access, const Reference& name, Action action)
    -> decltype(action(name)) {
  const std::vector<Reference> names = TRY(remote_candidates(access.registries, name));
  for (std::size_t i = 0;; ++i) {
    auto result = action(names[i]);
    const bool is_last = i + 1 == names.size();
    if (result || is_last) return result;
    // A registry says "denied" for what does not exist to those who are not logged in.
    if (result.error().kind() != ErrorKind::not_found && result.error().kind() != ErrorKind::denied)
      return result;
  }
}

}  // namespace

RegistryImages::RegistryImages(std::unique_ptr<HttpTransport> transport, RegistryAccess access)
    : m_transport(std::move(transport)), m_access(std::move(access)) {}

Result<RegistryImages::Found> RegistryImages::find(const Reference& name, const CancelToken* cancel) {
  return for_first_name(m_access, name, [&](const Reference& full) -> Result<Found> {
    Places places = TRY(places_of(*m_transport, m_access, full));
    std::size_t chosen = 0;
    RawManifest top =
        TRY(at_first_place(places, 0, [&](Place& place, std::size_t number) -> Result<RawManifest> {
          chosen = number;
          return place.manifest(place.manifest_name(), cancel);
        }));
    Found found{.name = full.with_default_tag(), .top = top, .source = nullptr};
    found.source = std::make_unique<FoundSource>(std::move(places), chosen, std::move(top));
    return found;
  });
}

Result<Digest> RegistryImages::current_digest(const Reference& name, const CancelToken* cancel) {
  return for_first_name(m_access, name, [&](const Reference& full) -> Result<Digest> {
    const Places places = TRY(places_of(*m_transport, m_access, full));
    return at_first_place(places, 0, [&](Place& place, std::size_t) -> Result<Digest> {
      return digest_at(*TRY(place.client(cancel)), place.manifest_name(), cancel);
    });
  });
}

Result<Digest> RegistryImages::remove(const Reference& name, const CancelToken* cancel) {
  Place place(*m_transport, m_access, TRY(m_access.push_endpoint(name)));
  RegistryClient& client = *TRY(place.client(cancel));
  // By the tag some registries would only remove the tag, and others nothing.
  const Digest digest = TRY(digest_at(client, place.manifest_name(), cancel));
  TRY(client.delete_manifest({.tag = "", .digest = digest}, cancel));
  return digest;
}

Result<std::vector<std::string>> RegistryImages::list_tags(const Reference& name, const CancelToken* cancel) {
  return for_first_name(m_access, name, [&](const Reference& full) -> Result<std::vector<std::string>> {
    const Places places = TRY(places_of(*m_transport, m_access, full));
    return at_first_place(places, 0, [&](Place& place, std::size_t) -> Result<std::vector<std::string>> {
      return (*TRY(place.client(cancel))).list_tags(cancel);
    });
  });
}

Result<std::vector<Descriptor>> RegistryImages::list_referrers(const Reference& name,
                                                               const std::string& artifact_type,
                                                               const CancelToken* cancel) {
  return for_first_name(m_access, name, [&](const Reference& full) -> Result<std::vector<Descriptor>> {
    const Places places = TRY(places_of(*m_transport, m_access, full));
    // A mirror need not have them: the registry itself is asked.
    Place& place = *places.back();
    RegistryClient& client = *TRY(place.client(cancel));
    const ManifestName asked = place.manifest_name();
    const Digest subject = asked.digest ? *asked.digest : TRY(client.get_manifest(asked, cancel)).digest;
    return client.list_referrers(subject, artifact_type, cancel);
  });
}

Result<std::unique_ptr<ImageDestination>> RegistryImages::destination(const Reference& name,
                                                                      RegistryDestinationOptions options,
                                                                      const CancelToken* cancel) {
  const Endpoint endpoint = TRY(m_access.push_endpoint(name));
  RegistryEndpoint server = TRY(m_access.connect(*m_transport, endpoint, cancel));
  auto client = std::make_unique<RegistryClient>(
      *m_transport, std::move(server), endpoint.reference.repository, m_access.lookup(), m_access.exchange);
  return std::make_unique<OwningDestination>(
      std::move(client), ManifestName::of(endpoint.reference.with_default_tag()), std::move(options));
}

}  // namespace ecrin::oci

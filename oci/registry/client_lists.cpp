// Lists that come in pages: tags and referrers; and the tag that stands in for the referrers API.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"
#include "oci/json_fields.hpp"
#include "oci/registry/client.hpp"
#include "oci/registry/query.hpp"

namespace ecrin::oci {

namespace {

constexpr std::uint64_t k_page_limit = 8u << 20;  // bytes of one page
constexpr std::size_t k_pages_limit = 2000;
constexpr std::size_t k_tag_count_limit = 1'000'000;
constexpr std::size_t k_referrer_count_limit = 100'000;
constexpr int k_tags_per_page = 1000;

// The target of rel="next" in Link headers (RFC 8288): <URL>; rel="next"
std::string next_link(const HttpResponse& response) {
  for (const std::string& value : response.header_values("Link")) {
    std::string_view rest = value;
    while (rest.find('<') != std::string_view::npos) {
      rest.remove_prefix(rest.find('<') + 1);
      const std::size_t end = rest.find('>');
      if (end == std::string_view::npos) break;
      const std::string_view target = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      const std::string parameters = to_lower(rest.substr(0, rest.find('<')));
      if (parameters.find("rel=\"next\"") != std::string::npos ||
          parameters.find("rel=next") != std::string::npos)
        return std::string(target);
    }
  }
  return "";
}

// Asks for page after page. `take` reads one and says whether it was any: a first page that is not there at
// all is the caller's affair.
class Pages {
public:
  Pages(RegistryConnection& connection, std::string url, std::string what)
      : m_connection(connection), m_url(std::move(url)), m_what(std::move(what)) {}

  bool more() const { return !m_url.empty(); }
  Result<FollowedResponse> next(const std::vector<HttpHeader>& headers, const CancelToken* cancel) {
    if (!m_seen.insert(m_url).second || m_seen.size() > k_pages_limit)
      return fail(ErrorKind::limit,
                  "{} of '{}' do not end: the registry names the same page again, or more than {}", m_what,
                  m_connection.name(), k_pages_limit);
    const RegistryCall call{.url = m_url, .headers = headers};
    FollowedResponse answer = TRY_WHILE(m_connection.send_with_retry(call, k_page_limit, cancel),
                                        "reading {} of '{}'", m_what, m_connection.name());
    const std::string link = next_link(answer.response);
    m_url = link.empty() ? "" : TRY(m_connection.resolve(answer.url, link));
    if (!m_url.empty() && !m_connection.is_own(m_url))
      return fail(ErrorKind::denied, "{} of '{}' go on at another server ('{}')", m_what, m_connection.name(),
                  display_url(m_url));
    return answer;
  }

private:
  RegistryConnection& m_connection;
  std::string m_url;
  std::string m_what;
  std::set<std::string> m_seen;
};

bool is_tag(const std::string& text) {
  const Result<Reference> reference = Reference::parse("localhost/name:" + text);
  return reference && reference->tag == text && !reference->digest;
}

struct SubjectEntry {
  Digest subject;
  Descriptor descriptor;  // as the referrers list has it
};

// Of a manifest or index that has a subject: what its entry in the list of referrers says.
Result<std::optional<SubjectEntry>> subject_entry(const RawManifest& manifest) {
  const std::string what = "the manifest " + manifest.digest.to_string();
  const Json json = TRY(parse_json(manifest.bytes, what));
  if (!json.is_object()) return std::nullopt;
  const Json* subject = TRY(json_object(json, "subject", what));
  if (!subject) return std::nullopt;
  SubjectEntry entry{.subject = TRY(Descriptor::parse(*subject, what + ".subject")).digest,
                     .descriptor = manifest.descriptor()};
  entry.descriptor.annotations = TRY(json_string_map(json, "annotations", what));
  entry.descriptor.artifact_type = TRY(parse_media_type(json, "artifactType", what));
  const Json* config = TRY(json_object(json, "config", what));
  if (entry.descriptor.artifact_type.empty() && config)
    entry.descriptor.artifact_type = TRY(parse_media_type(*config, "mediaType", what + ".config"));
  return entry;
}

}  // namespace

std::string referrers_tag(const Digest& subject) {
  // A tag has at most 128 characters; a longer digest is cut, as the spec says.
  return fmt::format("{}-{}", subject.algorithm_name().substr(0, 32), subject.hex().substr(0, 64));
}

Result<std::vector<std::string>> RegistryClient::list_tags(const CancelToken* cancel) {
  const std::string what = fmt::format("the tags of '{}'", name());
  std::vector<std::string> tags;
  Pages pages(m_connection,
              with_parameters(m_connection.url("tags/list"), {{"n", std::to_string(k_tags_per_page)}}),
              "the tags");
  while (pages.more()) {
    FollowedResponse answer = TRY(pages.next({}, cancel));
    if (answer.response.status != 200)
      return std::unexpected(m_connection.refusal(answer, "cannot read " + what));
    const Json json = TRY(parse_json(TRY(read_body(answer.response, k_page_limit, what)), what));
    if (!json.is_object()) return fail(ErrorKind::invalid, "{}: the answer is not an object", what);
    // A repository without tags has null in some registries.
    for (std::string& tag : TRY(json_strings(json, "tags", what)).value_or(std::vector<std::string>())) {
      if (!is_tag(tag)) return fail(ErrorKind::invalid, "{}: '{}' is not a tag", what, printable(tag, 150));
      if (tags.size() == k_tag_count_limit)
        return fail(ErrorKind::limit, "{} are more than {}", what, k_tag_count_limit);
      tags.push_back(std::move(tag));
    }
  }
  return tags;
}

Result<std::vector<Descriptor>> RegistryClient::list_referrers(const Digest& subject,
                                                               const std::string& artifact_type,
                                                               const CancelToken* cancel) {
  const std::string what = fmt::format("the referrers of '{}@{}'", name(), subject.to_string());
  std::string url = m_connection.url("referrers/" + percent_encode(subject.to_string()));
  if (!artifact_type.empty()) url = with_parameters(url, {{"artifactType", artifact_type}});
  std::vector<Descriptor> referrers;
  Pages pages(m_connection, url, "the referrers");
  for (bool first = true; pages.more(); first = false) {
    FollowedResponse answer = TRY(pages.next({{"Accept", std::string(media_type::k_index)}}, cancel));
    if (answer.response.status == 404 && first) {
      referrers = TRY(referrers_by_tag(subject, cancel));
      break;
    }
    if (answer.response.status != 200)
      return std::unexpected(m_connection.refusal(answer, "cannot read " + what));
    ImageIndex index = TRY(ImageIndex::parse(TRY(read_body(answer.response, k_page_limit, what)), what));
    if (referrers.size() + index.manifests.size() > k_referrer_count_limit)
      return fail(ErrorKind::limit, "{} are more than {}", what, k_referrer_count_limit);
    std::move(index.manifests.begin(), index.manifests.end(), std::back_inserter(referrers));
  }
  // The filter is the registry's choice to honour, and the tag's list has none.
  if (!artifact_type.empty())
    std::erase_if(referrers, [&](const Descriptor& one) { return one.artifact_type != artifact_type; });
  return referrers;
}

Result<std::vector<Descriptor>> RegistryClient::referrers_by_tag(const Digest& subject,
                                                                 const CancelToken* cancel) {
  const ManifestName list{.tag = referrers_tag(subject), .digest = std::nullopt};
  const Result<RawManifest> manifest = get_manifest(list, cancel);
  if (!manifest && manifest.error().kind() == ErrorKind::not_found) return std::vector<Descriptor>();
  if (!manifest) return std::unexpected(manifest.error());
  return TRY(ImageIndex::parse(manifest->bytes, fmt::format("the referrers at '{}'", name_of(list))))
      .manifests;
}

Result<> RegistryClient::add_to_referrers_tag(const RawManifest& manifest, const CancelToken* cancel) {
  const std::optional<SubjectEntry> entry = TRY(subject_entry(manifest));
  if (!entry) return {};
  ImageIndex index{.media_type = std::string(media_type::k_index)};
  index.manifests = TRY(referrers_by_tag(entry->subject, cancel));
  const bool listed = std::any_of(index.manifests.begin(), index.manifests.end(),
                                  [&](const Descriptor& one) { return one.digest == manifest.digest; });
  if (listed) return {};
  index.manifests.push_back(entry->descriptor);
  const RawManifest list =
      TRY(RawManifest::from_bytes(index.to_bytes(), media_type::k_index, "the list of referrers"));
  return put_manifest(list, {.tag = referrers_tag(entry->subject), .digest = std::nullopt}, cancel);
}

}  // namespace ecrin::oci

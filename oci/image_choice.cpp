#include "oci/image_choice.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

bool matches(const Candidate& candidate, const std::string& reference) {
  if (std::ranges::find(candidate.labels, reference) != candidate.labels.end()) return true;
  if (const Result<Digest> digest = Digest::parse(reference))
    return std::ranges::find(candidate.digests, *digest) != candidate.digests.end();
  const Result<Reference> parsed = Reference::parse(reference);
  if (!parsed) return false;
  return std::ranges::any_of(local_candidates(parsed->with_default_tag()), [&](const Reference& name) {
    return std::ranges::find(candidate.names, name) != candidate.names.end();
  });
}

std::string list_labels(const std::vector<Candidate>& candidates) {
  std::vector<std::string> words;
  for (const Candidate& candidate : candidates) {
    if (words.size() == 20) {
      words.push_back("...");
      break;
    }
    if (!candidate.labels.empty())
      words.push_back(printable(candidate.labels.front(), 200));
    else if (!candidate.digests.empty())
      words.push_back(candidate.digests.front().to_string());
  }
  return join(words, ", ");
}

}  // namespace

Result<std::vector<std::size_t>> choose_images(const ImageFiles& files,
                                               const std::vector<Candidate>& candidates,
                                               const ImageChoice& choice) {
  if (candidates.empty()) return fail(ErrorKind::not_found, "'{}' holds no images", files.path());
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (choice.reference.empty() || matches(candidates[i], choice.reference)) chosen.push_back(i);
  if (chosen.empty())
    return std::unexpected(Error(ErrorKind::not_found, fmt::format("'{}' holds no image '{}'", files.path(),
                                                                   printable(choice.reference, 300)))
                               .hint(fmt::format("it holds: {}", list_labels(candidates))));
  if (chosen.size() > 1 && !choice.all)
    return std::unexpected(Error(ErrorKind::invalid, fmt::format("'{}' holds several images", files.path()))
                               .hint(fmt::format("choose one of: {}", list_labels(candidates))));
  return chosen;
}

}  // namespace ecrin::oci

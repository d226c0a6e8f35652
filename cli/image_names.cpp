#include "cli/image_names.hpp"

#include <algorithm>

#include "base/names.hpp"
#include "base/text.hpp"

namespace ecrin::cli {

Result<oci::Reference> parse_new_name(const std::string& text) {
  const oci::Reference reference = TRY(oci::Reference::parse(text));
  if (reference.digest) {
    return fail(ErrorKind::invalid, "a new name cannot have a digest: '{}'", printable(text));
  }
  return reference.with_local_registry().with_default_tag();
}

std::optional<std::string> meant_name(const oci::ImageRecord& record, const std::string& words) {
  const auto parsed = oci::Reference::parse(words);
  if (!parsed) return std::nullopt;
  const oci::Reference reference = parsed->with_default_tag();
  std::vector<oci::Reference> candidates = {reference};
  if (reference.registry.empty()) candidates = oci::local_candidates(reference);
  for (const oci::Reference& candidate : candidates) {
    const std::string name = candidate.to_string();
    if (std::ranges::find(record.names, name) != record.names.end()) return name;
  }
  return std::nullopt;
}

std::pair<std::string, std::string> split_name(const std::string& name) {
  const auto reference = oci::Reference::parse(name);
  if (!reference) return {name, "<none>"};
  std::string repository = reference->repository;
  if (!reference->registry.empty()) repository = reference->registry + "/" + repository;
  return {std::move(repository), reference->tag.empty() ? "<none>" : reference->tag};
}

std::string short_id(const oci::ImageId& id) {
  return std::string(ecrin::short_id(id.digest.hex()));
}

namespace {

Result<oci::ImageRecord> with_hint(Result<oci::ImageRecord> found) {
  if (!found && found.error().kind() == ErrorKind::not_found) {
    return std::unexpected(
        std::move(found).error().hint("'ecrin images' lists the images there are; 'ecrin build', 'ecrin "
                                      "load' and 'ecrin import' bring new ones in"));
  }
  return found;
}

}  // namespace

Result<oci::ImageRecord> find_image(oci::ImageStore& images, const std::string& words,
                                    const std::optional<std::string>& platform) {
  if (!platform) return with_hint(images.find(words));
  return with_hint(images.find(words, TRY(oci::Platform::parse(*platform))));
}

Result<StepName> parse_step_name(const std::string& words) {
  const std::size_t at = words.rfind('@');
  if (at == std::string::npos || words.find(':', at) != std::string::npos)
    return StepName{words, std::nullopt};
  const auto step = parse_unsigned(words.substr(at + 1), 1'000'000);
  if (!step || *step == 0 || at == 0) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is neither an image nor a step of one", printable(words)))
            .hint("as in IMAGE@3, or IMAGE@sha256:..."));
  }
  return StepName{words.substr(0, at), static_cast<std::size_t>(*step)};
}

Result<oci::ImageRecord> find_any_image(oci::ImageStore& images, const std::string& words) {
  return with_hint(images.find_any(words));
}

std::vector<std::string> digest_names(const oci::ImageRecord& record) {
  std::vector<std::string> result;
  for (const std::string& name : record.names) {
    std::string text = split_name(name).first + "@" + record.manifest.to_string();
    if (std::ranges::find(result, text) == result.end()) result.push_back(std::move(text));
  }
  return result;
}

}  // namespace ecrin::cli

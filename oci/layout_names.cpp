#include "oci/layout_names.hpp"

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::oci {

namespace {

// The name with registry and tag or digest, as the store writes it; nothing for a word or a short name.
std::optional<Reference> full_name(const std::string& text) {
  const Result<Reference> name = Reference::parse(text);
  if (!name || name->with_default_tag().with_local_registry().to_string() != text) return std::nullopt;
  return *name;
}

}  // namespace

LayoutNames read_layout_names(const std::map<std::string, std::string>& annotations) {
  LayoutNames result;
  for (const char* key : {k_containerd_name, k_ref_name}) {
    const auto found = annotations.find(key);
    if (found == annotations.end() || found->second.empty()) continue;
    const std::string& label = found->second;
    result.labels.push_back(label);
    // A word alone is a tag. One full name is enough: the first is the more exact one.
    if (!result.names.empty() || label.find_first_of("/:") == std::string::npos) continue;
    const Result<Reference> name = Reference::parse(label);
    if (name)
      result.names.push_back(name->with_default_tag().with_local_registry());
    else
      log::debug("ignoring the name '{}' of an image in an index: {}", printable(label, 300),
                 name.error().message());
  }
  return result;
}

std::map<std::string, std::string> layout_annotations(const std::string& name, RefName style) {
  const auto full = full_name(name);
  if (!full) return {{k_ref_name, name}};
  return {{k_ref_name, style == RefName::tag && !full->tag.empty() ? full->tag : name},
          {k_containerd_name, name}};
}

Json layout_entries(const std::vector<NamedDescriptor>& images, RefName style) {
  std::map<std::string, int> tags;
  for (const NamedDescriptor& image : images)
    for (const std::string& name : image.names)
      if (const auto full = full_name(name)) ++tags[full->tag];
  Json entries = Json::array();
  for (const NamedDescriptor& image : images) {
    Descriptor entry = image.descriptor;
    if (image.names.empty()) entries.push_back(entry.to_json());
    for (const std::string& name : image.names) {
      const auto full = full_name(name);
      const bool is_shared = full && tags[full->tag] > 1;
      entry.annotations = layout_annotations(name, is_shared ? RefName::as_given : style);
      entries.push_back(entry.to_json());
    }
  }
  return entries;
}

}  // namespace ecrin::oci

#include "oci/layout_names.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::oci {

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

std::map<std::string, std::string> layout_annotations(const Reference& name, RefName style) {
  const std::string full_name = name.to_string();
  const bool as_tag = style == RefName::tag && !name.tag.empty();
  return {{k_ref_name, as_tag ? name.tag : full_name}, {k_containerd_name, full_name}};
}

}  // namespace ecrin::oci

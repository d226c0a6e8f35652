#include "cli/index_edit.hpp"

#include "base/text.hpp"
#include "cli/image_names.hpp"

namespace ecrin::cli {
namespace {

// Whoever is faster than that, again and again, does not let anybody else in.
constexpr int k_tries = 20;

}  // namespace

Result<oci::ImageRecord> find_index(oci::ImageStore& images, const std::string& name) {
  oci::ImageRecord record = TRY(find_any_image(images, name));
  if (record.kind != oci::ImageKind::index)
    return fail(ErrorKind::invalid, "'{}' is an {}, not an index", printable(name),
                oci::to_string(record.kind));
  return record;
}

Result<oci::Descriptor> store_index(oci::ImageStore& images, const oci::ImageIndex& index) {
  if (index.manifests.size() > oci::k_index_entry_limit)
    return fail(ErrorKind::limit, "an index has at most {} entries", oci::k_index_entry_limit);
  const oci::Descriptor descriptor = TRY(images.blobs().put_bytes(index.media_type, index.to_bytes()));
  TRY(images.blobs().sync());
  return descriptor;
}

Result<oci::ImageRecord> edit_index(oci::ImageStore& images, const std::string& name,
                                    const IndexChange& change) {
  for (int tries = 0; tries < k_tries; ++tries) {
    const oci::ImageRecord record = TRY(find_index(images, name));
    auto stored = images.load_index(record.manifest);
    if (!stored && stored.error().kind() == ErrorKind::not_found) continue;
    oci::ImageIndex index = TRY(std::move(stored)).index;
    TRY(change(index));
    auto replaced = images.replace_index(record.manifest, TRY(store_index(images, index)));
    if (replaced || replaced.error().kind() != ErrorKind::not_found) return replaced;
  }
  return fail(ErrorKind::conflict, "other processes keep changing the index '{}'", printable(name));
}

Result<oci::ImageRecord> create_index(oci::ImageStore& images, const oci::Reference& name,
                                      const IndexChange& change) {
  oci::ImageIndex index;
  index.media_type = oci::media_type::k_index;
  TRY(change(index));
  return images.add_new_index(TRY(store_index(images, index)), name);
}

Result<oci::ImageRecord> create_or_edit_index(oci::ImageStore& images, const oci::Reference& name,
                                              const IndexChange& change) {
  const std::string full_name = name.to_string();
  const auto existing = images.find_any(full_name);
  if (!existing) {
    if (existing.error().kind() != ErrorKind::not_found) return existing;
    auto made = create_index(images, name, change);
    if (made || made.error().kind() != ErrorKind::conflict) return made;
  }
  return edit_index(images, full_name, change);
}

std::vector<Flag> entry_flags() {
  return {
      {.name = "annotation",
       .value = "KEY=VALUE",
       .help = "an annotation of the entry",
       .occurs = Occurs::often},
      {.name = "arch", .value = "ARCH", .help = "the architecture, when it is not the image's"},
      {.name = "features",
       .value = "NAME",
       .help = "what the image needs of the processor",
       .occurs = Occurs::often},
      {.name = "os", .value = "OS", .help = "the system, when it is not the image's"},
      {.name = "os-features",
       .value = "NAME",
       .help = "what the image needs of the system",
       .occurs = Occurs::often},
      {.name = "os-version", .value = "VERSION", .help = "the system's version"},
      {.name = "variant", .value = "VARIANT", .help = "the architecture's variant, as in v8"},
  };
}

Result<> apply_entry_flags(oci::Descriptor& entry, const Arguments& arguments) {
  for (const std::string& text : arguments.values("annotation")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("--annotation '{}' has no value", printable(text)))
              .hint("as in --annotation key=value"));
    entry.annotations[text.substr(0, equals)] = text.substr(equals + 1);
  }
  oci::Platform platform = entry.platform.value_or(oci::Platform());
  bool changed = false;
  const auto set = [&](const char* flag, std::string& member) {
    if (const auto value = arguments.find(flag)) {
      member = *value;
      changed = true;
    }
  };
  set("arch", platform.architecture);
  set("os", platform.os);
  set("os-version", platform.os_version);
  set("variant", platform.variant);
  const auto set_list = [&](const char* flag, std::vector<std::string>& member) {
    if (!arguments.has(flag)) return;
    member.clear();
    for (const std::string& value : arguments.values(flag))
      for (const std::string& word : split(value, ',')) member.push_back(word);
    changed = true;
  };
  set_list("os-features", platform.os_features);
  set_list("features", platform.features);
  if (!changed) return {};
  // As it will be looked for: aliases and upper case are other people's words.
  const oci::Platform checked = TRY(oci::Platform::parse(platform.to_string()));
  platform.os = checked.os;
  platform.architecture = checked.architecture;
  platform.variant = checked.variant;
  entry.platform = std::move(platform);
  return {};
}

}  // namespace ecrin::cli

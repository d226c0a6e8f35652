#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "oci/reference.hpp"
#include "recipes/source_kind.hpp"
#include "recipes/yaml_parts.hpp"
#include "recipes/yaml_values.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::string_view k_oci_keys[] = {"oci", "ref"};
constexpr std::string_view k_archive_keys[] = {"archive", "ref"};
constexpr std::string_view k_rootfs_keys[] = {"rootfs", "sha256"};
constexpr std::string_view k_bootstrap_keys[] = {"bootstrap", "suite",  "include",
                                                 "variant",   "mirror", "snapshot"};
constexpr std::string_view k_all_keys[] = {"oci",   "archive", "rootfs",  "bootstrap", "ref",     "sha256",
                                           "suite", "include", "variant", "mirror",    "snapshot"};
constexpr std::string_view k_distributions[] = {"debian"};
constexpr std::string_view k_variants[] = {"minbase",  "essential", "apt",     "required", "buildd",
                                           "standard", "important", "extract", "custom"};

bool is_made_of(std::string_view text, std::string_view also) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || also.contains(c);
  });
}

/// deb-control's package names, with `:architecture`, `=version` or `/suite`. These words become arguments of
/// the bootstrapping program: nothing that could be an option or a list gets through.
Result<std::string> read_package(Scope& scope, const YamlNode& node) {
  std::string name = TRY(read_word(scope, node, "a package of 'include'"));
  const char first = name[0];
  const bool good =
      is_made_of(name, "+.-:=~/") && ((first >= 'a' && first <= 'z') || (first >= '0' && first <= '9'));
  if (!good)
    return scope.refuse(node.span, fmt::format("'{}' is not the name of a package", printable(name, 80)));
  return name;
}

Result<FromBootstrap> read_bootstrap(Scope& scope, const YamlNode& node) {
  TRY(check_mapping(scope, node, "'from: bootstrap'", k_bootstrap_keys));
  FromBootstrap from;
  from.distribution = TRY(
      read_choice(scope, *TRY(require(scope, node, "bootstrap", "'from'")), "'bootstrap'", k_distributions));
  const YamlNode* suite = TRY(require(scope, node, "suite", "'from: bootstrap'"));
  from.suite = TRY(read_word(scope, *suite, "'suite'"));
  if (!is_made_of(from.suite, ".-/") || from.suite[0] == '-') {
    return scope.refuse(suite->span,
                        fmt::format("'{}' is not the name of a suite", printable(from.suite, 80)),
                        "as in 'bookworm' or 'stable'");
  }
  if (const YamlNode* variant = node.find("variant")) {
    from.variant = TRY(read_choice(scope, *variant, "'variant'", k_variants));
  }
  if (const YamlNode* include = node.find("include")) {
    if (include->kind != YamlNode::Kind::sequence) {
      return scope.refuse(include->span, "'include' must be a list of packages");
    }
    for (const YamlNodePtr& item : include->items) from.include.push_back(TRY(read_package(scope, *item)));
  }
  if (const YamlNode* mirror = node.find("mirror")) {
    from.mirror = TRY(read_word(scope, *mirror, "'mirror'"));
    if (!is_web_url(from.mirror) || from.mirror.find_first_of(" '\"\\") != std::string::npos) {
      return scope.refuse(
          mirror->span, fmt::format("'mirror' must be an http(s) URL, not '{}'", printable(from.mirror, 80)));
    }
  }
  if (const YamlNode* snapshot = node.find("snapshot")) {
    from.snapshot = TRY(read_word(scope, *snapshot, "'snapshot'"));
    const std::string_view form = "00000000T000000Z";
    const bool good = from.snapshot.size() == form.size() &&
                      std::equal(form.begin(), form.end(), from.snapshot.begin(),
                                 [](char f, char c) { return f == '0' ? c >= '0' && c <= '9' : c == f; });
    if (!good) {
      return scope.refuse(snapshot->span,
                          fmt::format("'snapshot' must be a time like 20240101T000000Z, not '{}'",
                                      printable(from.snapshot, 40)));
    }
  }
  return from;
}

Result<FromRootfs> read_rootfs(Scope& scope, const YamlNode& node) {
  TRY(check_mapping(scope, node, "'from: rootfs'", k_rootfs_keys));
  FromRootfs from;
  const YamlNode* location = TRY(require(scope, node, "rootfs", "'from'"));
  from.location = TRY(read_word(scope, *location, "'rootfs'"));
  const YamlNode* sha256 = node.find("sha256");
  if (sha256 != nullptr) from.sha256 = TRY(read_sha256(scope, *sha256, "'sha256'"));
  if (is_web_url(from.location)) {
    if (sha256 == nullptr) {
      return scope.refuse(location->span, "a root file system from a URL needs its 'sha256'",
                          "without it nobody knows tomorrow what the image was made of");
    }
    return from;
  }
  if (!url_scheme(from.location).empty()) {
    return scope.refuse(location->span, fmt::format("'rootfs' must be a file or an http(s) URL, not '{}'",
                                                    printable(from.location, 80)));
  }
  from.location = TRY(read_context_path(scope, *location, "'rootfs'"));
  return from;
}

Result<std::string> read_reference(Scope& scope, const YamlNode& node) {
  const YamlNode* reference = node.find("ref");
  return reference == nullptr ? Result<std::string>("") : read_word(scope, *reference, "'ref'");
}

Result<From> read_from_mapping(Scope& scope, const YamlNode& node) {
  TRY(check_mapping(scope, node, "'from'", k_all_keys));
  if (node.find("bootstrap") != nullptr) return From(TRY(read_bootstrap(scope, node)));
  if (node.find("rootfs") != nullptr) return From(TRY(read_rootfs(scope, node)));
  if (const YamlNode* directory = node.find("oci")) {
    TRY(check_mapping(scope, node, "'from: oci'", k_oci_keys));
    FromOciLayout from{.directory = TRY(read_context_path(scope, *directory, "'oci'"))};
    from.reference = TRY(read_reference(scope, node));
    return from;
  }
  if (const YamlNode* file = node.find("archive")) {
    TRY(check_mapping(scope, node, "'from: archive'", k_archive_keys));
    FromArchive from{.file = TRY(read_context_path(scope, *file, "'archive'"))};
    from.reference = TRY(read_reference(scope, node));
    return from;
  }
  return scope.refuse(node.span, "'from' does not say what kind it is",
                      "one of its keys must be 'bootstrap', 'rootfs', 'oci' or 'archive'");
}

}  // namespace

Result<> check_image_name(const StageScope& stage, const YamlNode& node, std::string_view name) {
  const Result<oci::Reference> reference = oci::Reference::parse(name);
  if (reference) return {};
  return stage.scope.refuse(node.span, reference.error().message());
}

Result<std::string> read_file_source(StageScope& stage, const YamlNode& node, std::string_view what) {
  std::string name = TRY(read_word(stage.scope, node, what));
  if (name == "context") return std::string();
  if (name == "scratch")
    return stage.scope.refuse(node.span, fmt::format("{} cannot be 'scratch': it is empty", what));
  if (stage.stage_names.contains(name)) {
    stage.uses.push_back({.user = stage.index, .used = name, .span = node.span});
  } else {
    TRY(check_image_name(stage, node, name));
  }
  return name;
}

Result<From> read_from(StageScope& stage, const YamlNode& node) {
  if (node.kind == YamlNode::Kind::mapping) return read_from_mapping(stage.scope, node);
  std::string name = TRY(read_word(stage.scope, node, "'from'"));
  if (name == "scratch") return From(FromScratch{});
  if (stage.stage_names.contains(name)) {
    stage.uses.push_back({.user = stage.index, .used = name, .span = node.span});
    return From(FromStage{std::move(name)});
  }
  TRY(check_image_name(stage, node, name));
  return From(FromImage{std::move(name)});
}

}  // namespace ecrin::recipes

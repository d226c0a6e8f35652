// What verbs need to say about images and their names.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oci/image_store.hpp"

namespace ecrin::cli {

/// As a user types it: full, or short ("hello" is localhost/hello:latest).
Result<oci::Reference> parse_new_name(const std::string& text);
/// The name of `record` that the user's words meant; empty when they were an ID or a digest.
std::optional<std::string> meant_name(const oci::ImageRecord& record, const std::string& words);
/// "localhost/hello:1" to {"localhost/hello", "1"}; a digest is the tag "<none>".
std::pair<std::string, std::string> split_name(const std::string& name);
/// The first twelve digits.
std::string short_id(const oci::ImageId& id);
/// find() with a hint on how images come into the store; with --platform when it was given.
Result<oci::ImageRecord> find_image(oci::ImageStore& images, const std::string& words,
                                    const std::optional<std::string>& platform = std::nullopt);
/// "IMAGE@3": an image after the third entry of its history. A digest ("@sha256:...") is none.
struct StepName {
  std::string image;
  std::optional<std::size_t> step;  // none: the whole image
};
Result<StepName> parse_step_name(const std::string& words);
/// find_any() with the same hint: also indexes and artifacts.
Result<oci::ImageRecord> find_any_image(oci::ImageStore& images, const std::string& words);
/// "localhost/hello@sha256:...", one a repository.
std::vector<std::string> digest_names(const oci::ImageRecord& record);

}  // namespace ecrin::cli

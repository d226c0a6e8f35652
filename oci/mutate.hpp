// Mutate: a new image out of images that there are, without a build. Pure: the same images, changes and time
// give the same bytes. What is not told to change stays: members of a foreign config that ecrin does not know
// are kept, and an image in which nothing changes keeps its bytes and so its digests.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oci/image_store.hpp"

namespace ecrin::oci {

/// The documents of an image that is not stored yet.
struct NewImage {
  std::string config_bytes;
  std::string manifest_bytes;
  std::string manifest_type;
};

/// One key of a map: a value to set, or none: it goes.
using KeyChanges = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// What `ecrin config` can say. An empty member leaves things as they are.
struct ConfigChanges {
  using Words = std::vector<std::string>;
  KeyChanges env;
  KeyChanges labels;
  KeyChanges annotations;
  KeyChanges ports;    // values do not count
  KeyChanges volumes;  // the same
  bool clear_env = false;
  bool clear_labels = false;
  bool clear_annotations = false;
  bool clear_ports = false;
  bool clear_volumes = false;
  // "" or no words: taken away.
  std::optional<std::optional<Words>> entrypoint;
  std::optional<std::optional<Words>> cmd;
  std::optional<Words> shell;
  std::optional<std::string> user;
  std::optional<std::string> working_dir;
  std::optional<std::string> stop_signal;
  std::optional<std::string> author;
  std::optional<std::optional<Healthcheck>> healthcheck;
  std::optional<Platform> platform;
};

/// `created` is an RFC 3339 time. An entry of the history says which settings changed. Docker's rule: a new
/// entrypoint drops a command that was there, unless one is given too.
Result<NewImage> reconfigure(const Image& image, const ConfigChanges& changes, const std::string& created);

/// A layer that an image gets.
struct NewLayer {
  Descriptor blob;
  DiffId diff_id;
  std::string created_by;  // for the history
};

/// An image without layers, to append to.
Image empty_image(const Platform& platform);
Result<NewImage> append_layers(const Image& image, const std::vector<NewLayer>& layers,
                               const std::string& created);
/// Puts one layer in the place of all from number `first` (0 is the bottom) on. Their entries of the history
/// stay, as entries without a layer; the new one comes last. The same layer in the place of itself:
/// unchanged.
Result<NewImage> replace_layers(const Image& image, std::size_t first, const NewLayer& layer,
                                const std::string& created);

/// How many layers two images have in common, from the bottom on.
std::size_t common_layers(const ImageConfig& first, const ImageConfig& second);

struct Rebase {
  const Image& image;
  const Image& old_base;
  const Image& new_base;
  std::string new_base_name;  // for the annotation org.opencontainers.image.base.name, where there is one
};
struct RebasedImage {
  NewImage image;
  /// Settings that both the image and the new base changed, each in its own way: the image's were kept.
  std::vector<std::string> conflicts;
};
/// The image's own layers on top of another base. Settings that came from the old base are taken from the new
/// one, what the image set itself stays (variables and labels by name). Fails when the old base's layers are
/// not the image's lowest ones, and when the platforms differ.
Result<RebasedImage> rebase(const Rebase& request, const std::string& created);

/// Settings alone, the same way: what one step of such an image had before it.
ImageConfig rebase_settings(ImageConfig settings, const ImageConfig& old_base, const ImageConfig& new_base);
/// How many entries of the image's history came with its base: those that the base has, or, where they are
/// told in another way, as many as made its layers.
std::size_t base_entries(const ImageConfig& image, const ImageConfig& old_base);

/// Writes the documents and records the image under `names`. The layers must be there.
Result<ImageRecord> store_image(ImageStore& images, const NewImage& image,
                                const std::vector<Reference>& names, Role role = Role::own);

/// Docker's own layer types have the same bytes as the OCI ones; a manifest of ours uses one family of names.
Descriptor as_oci_layer(Descriptor layer);

namespace annotation {
inline constexpr const char* k_base_name = "org.opencontainers.image.base.name";
inline constexpr const char* k_base_digest = "org.opencontainers.image.base.digest";
}  // namespace annotation

}  // namespace ecrin::oci

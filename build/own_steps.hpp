// The steps that an image has above its base, as far as this store knows them: what each was made of, what it
// made, and what it used. Builds write down which rows of the cache an image is made of
// (build/image_steps.hpp); of other images the layers tell (build/traced_images.hpp). Also steps that changed
// nothing on that base: on another one they may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "build/build_cache.hpp"
#include "build/traced_images.hpp"

namespace ecrin::build {

struct OwnStep {
  std::size_t entry = 0;             // of the image's history, from 0
  std::optional<std::size_t> layer;  // of the image's, from 0; none: it changed nothing
  std::string text;                  // as builds show it; as the history has it where nothing else is known
  bool may_run = false;              // a program of the image made it, or it is not known who did
  std::string key;                   // of its row in the build cache; "" = none: the rest is empty
  KeyInputs inputs = {};
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  double seconds = 0;
  std::string command = "";  // under which its trace is found
  std::optional<fs::ImageTrace> trace = std::nullopt;

  /// "run", "copy", ...; "" = not known.
  std::string_view kind() const { return inputs.find("kind").value_or(""); }
};

/// In the order of the history, from its entry `first` on. Steps that only set something are not among them.
/// None: the history does not say which steps made the layers.
Result<std::optional<std::vector<OwnStep>>> own_steps(Workshop& workshop, const oci::Image& image,
                                                      std::size_t first);

/// Is this what the history says of a RUN step with these inputs? Pure.
bool is_history_of(const KeyInputs& inputs, const std::string& created_by);

}  // namespace ecrin::build

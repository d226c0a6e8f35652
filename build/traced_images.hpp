// The steps that made an image's layers, each with what it used of the tree below it, as far as that is known
// here (build/step_traces.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "build/workshop.hpp"
#include "fs/fuse/image_trace.hpp"
#include "oci/image_store.hpp"

namespace ecrin::build {

struct ImageStepTrace {
  std::size_t step = 0;  // the entry of the image's history, from 1: IMAGE@N is the image after it
  std::string text;      // as the history has it
  std::string key;       // of its row in the build cache; "" = there is none
  std::optional<fs::ImageTrace> trace;
  std::string missing = "";  // why there is no trace, as far as it can be told
};

/// One for each entry of the history that made a layer, bottom first: as many as the image has layers. An
/// image whose history does not say which entries made its layers is an error.
Result<std::vector<ImageStepTrace>> traces_of_image(Workshop& workshop, const oci::Image& image);

/// The same, and in between the entries that made no layer and of which it is known what they used: a step
/// that ran tests, for example.
Result<std::vector<ImageStepTrace>> all_traces_of_image(Workshop& workshop, const oci::Image& image,
                                                        const CancelToken* cancel = nullptr);

/// How many of the image's layers are below this entry of its history.
std::size_t layers_below(const oci::Image& image, std::size_t step);

}  // namespace ecrin::build

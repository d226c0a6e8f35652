// LayerSource: the tar bytes of a layer directory, made while they are read: what a built layer is as a blob.
#pragma once

#include <memory>

#include "base/fd.hpp"
#include "base/stream.hpp"

namespace ecrin::build {

/// `layer` is the layer's diff directory. A thread makes the bytes, a few blocks ahead of the reader; a
/// reader that goes away early stops it.
std::unique_ptr<Source> layer_source(Fd layer);

}  // namespace ecrin::build

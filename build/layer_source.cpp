#include "build/layer_source.hpp"

#include "base/byte_pipe.hpp"
#include "fs/changeset.hpp"

namespace ecrin::build {

std::unique_ptr<Source> layer_source(Fd layer) {
  return background_source([directory = std::move(layer)](Sink& sink, const CancelToken& abandoned) {
    return fs::write_layer(directory, sink, &abandoned);
  });
}

}  // namespace ecrin::build

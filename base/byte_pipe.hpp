// BytePipe: bytes from one thread to another, a few blocks at most under way: what joins the stages of a
// pipeline (download, decompress, unpack) so that they run at the same time.
#pragma once

#include <functional>
#include <memory>

#include "base/cancel.hpp"
#include "base/stream.hpp"

namespace ecrin {

class BytePipeState;

/// The end that writes. write() waits while the pipe is full; it fails with ErrorKind::cancelled when the
/// reader has gone. finish() is the end of the stream; without it the reader gets an error, never a short
/// stream.
class BytePipeWriter final : public Sink {
public:
  explicit BytePipeWriter(std::shared_ptr<BytePipeState> state);
  ~BytePipeWriter() override;
  Result<> write(std::span<const std::byte> bytes) override;
  Result<> finish() override;
  /// The reader gets this instead of more bytes.
  void fail_with(Error error);

private:
  std::shared_ptr<BytePipeState> m_state;
};

struct BytePipe {
  std::unique_ptr<BytePipeWriter> writer;
  std::unique_ptr<Source> reader;  // waits for bytes; dropping it stops the writer
  static BytePipe create();
};

/// Writes all its bytes to `sink` (finish() is called for it). `abandoned` is set when nobody reads any more.
using Producer = std::move_only_function<Result<>(Sink& sink, const CancelToken& abandoned)>;
/// A source whose bytes a thread of its own makes, a few blocks ahead of the reader. Dropping it stops and
/// joins the thread.
std::unique_ptr<Source> background_source(Producer producer);
/// The same bytes, read ahead by a thread.
std::unique_ptr<Source> read_ahead(std::unique_ptr<Source> source);

}  // namespace ecrin

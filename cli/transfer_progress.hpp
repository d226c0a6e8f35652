// How a pull, push or copy is shown while it goes: a bar a blob on a terminal, lines in a pipe, JSON lines,
// or nothing. All of it on standard error.
#pragma once

#include <memory>

#include "cli/progress.hpp"
#include "oci/copy_image.hpp"

namespace ecrin::cli {

class TransferProgress : public oci::CopyObserver {
public:
  /// Takes the bars away. The last call, when the copy has ended one way or the other.
  virtual void end() {}
};

/// How much of `size` bytes has come, as "[######----]", `width` columns wide with its brackets.
std::string transfer_bar(std::uint64_t bytes, std::uint64_t size, std::size_t width, bool utf8);
/// "12.3 MB / 45 MB  8.1 MB/s  4s": how far, how fast, how long still. `speed` in bytes a second, 0 = not
/// known.
std::string transfer_state(std::uint64_t bytes, std::uint64_t size, double speed);

/// Bytes a second over the last few seconds, so that a stall shows.
class TransferSpeed {
public:
  void add(double now, std::uint64_t bytes);  // `bytes` in all until now
  double at(double now) const;                // 0 = not known yet

private:
  struct Sample {
    double time;
    std::uint64_t bytes;
  };
  std::vector<Sample> m_samples;  // oldest first, at most one each quarter of a second
};

std::unique_ptr<TransferProgress> make_transfer_progress(ProgressKind kind, StatusLine& console,
                                                         const ProgressStyle& style, Clock clock);

}  // namespace ecrin::cli

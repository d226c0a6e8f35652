// RunTraces: what programs of containers used of the images that they ran on (`ecrin run --trace`), by image.
// Table `run_traces`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "fs/fuse/image_trace.hpp"

namespace ecrin::build {

struct RunTrace {
  std::size_t layers = 0;  // of the image's that they stood on, from the bottom: fewer for IMAGE@STEP
  std::uint64_t runs = 0;
  fs::ImageTrace trace;  // of all of them together
};

class RunTraces {
public:
  /// Makes the table; Workshop::open() does it.
  static Result<> migrate(Database& database);
  explicit RunTraces(Database& database) : m_database(&database) {}

  /// One more run has ended, on this image (its ID).
  Result<> add(const std::string& image, std::size_t layers, const fs::ImageTrace& trace, std::int64_t now);
  /// Those on fewer layers first.
  Result<std::vector<RunTrace>> of(const std::string& image);

private:
  Database* m_database;
};

/// Rows of images that are gone. Inside the caller's transaction.
Result<> forget_run_traces(Database& database, const std::vector<std::string>& remaining_ids);

/// What both used of one tree. Pure.
fs::ImageTrace merge_traces(const fs::ImageTrace& first, const fs::ImageTrace& second);

}  // namespace ecrin::build

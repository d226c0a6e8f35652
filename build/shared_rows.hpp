// SharedRows: what a shared cache knows: which step on which layer has which result. Plain values, and pure
// functions on them. All of it is named by content (keys, diff IDs), so that machines agree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "build/cache_key.hpp"
#include "oci/descriptor.hpp"

namespace ecrin::build {

/// Raised when an older program would misread the rows: it then ignores the cache.
inline constexpr std::uint64_t k_shared_rows_version = 1;

struct SharedLayer {
  oci::DiffId diff_id;
  std::uint64_t size = 0;               // bytes of its tar
  std::optional<oci::Descriptor> blob;  // packed; none: whoever needs it runs the step, which is faster
  bool operator==(const SharedLayer&) const = default;
};

/// What a step used of the tree below it (build/step_traces.hpp): where that is the same, its result is too.
struct SharedTrace {
  std::string command;   // command_key of the step
  oci::Descriptor blob;  // encode_trace, zstd
  bool operator==(const SharedTrace&) const = default;
};

struct SharedStep {
  std::string key;
  std::string below;  // diff ID of the layer that it was made on; "" = none of a build
  std::string text;
  std::optional<SharedLayer> layer;  // none: the step changed nothing
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  double seconds = 0;     // that it took
  std::int64_t used = 0;  // when a build last had a use for it, in days since 1970
  KeyInputs inputs = {};  // for --explain; empty where there are many
  std::optional<SharedTrace> trace = std::nullopt;
  bool operator==(const SharedStep&) const = default;
};
/// Is what came out the same layer, or none?
bool have_same_result(const SharedStep& one, const SharedStep& other);

/// What was in a cache directory (`--mount=type=cache`).
struct SharedMount {
  std::string id;
  oci::DiffId diff_id;
  std::uint64_t size = 0;
  oci::Descriptor blob;
  std::int64_t used = 0;
  bool operator==(const SharedMount&) const = default;
};

struct SharedRows {
  std::vector<SharedStep> steps;
  std::vector<SharedMount> mounts;
  bool operator==(const SharedRows&) const = default;
};

/// How much a cache may hold. What was used longest ago goes first.
struct SharedBounds {
  std::size_t steps = 4000;
  std::size_t blobs = 2000;
  std::size_t mounts = 50;
  std::size_t traces = 2000;
  std::uint64_t trace_bytes = 512u << 20;  // of all of them, packed
};
inline constexpr std::size_t k_shared_shards = 32;
inline constexpr std::uint64_t k_shared_document_limit = 4u << 20;  // bytes of rows in one shard

/// Of traces. What means another thing has another type: programs that do not know it leave it alone.
inline constexpr std::string_view k_cache_trace_type = "application/vnd.ecrin.build-cache.trace.v1+zstd";
inline constexpr std::uint64_t k_shared_trace_limit = 8u << 20;  // bytes, packed

/// Inputs beyond this are left out of a row.
inline constexpr std::size_t k_shared_inputs_limit = 4096;
KeyInputs shared_inputs(const KeyInputs& inputs);

/// A part of the rows that fits into one manifest, with the blobs that they name.
struct SharedShard {
  std::string rows;                    // JSON
  std::vector<oci::Descriptor> blobs;  // rows name them by number
};
/// The same rows give the same shards, in whatever order they are.
std::vector<SharedShard> encode_rows(SharedRows rows);
/// ErrorKind::unsupported for rows of a newer version, ErrorKind::invalid for what is none.
Result<SharedRows> decode_rows(const SharedShard& shard);

/// What two builders know. A result that is there stays: others have followers of it already; so does its
/// trace. What `added` says of a cache directory replaces what was there.
SharedRows merge_rows(SharedRows there, const SharedRows& added);
void bound_rows(SharedRows& rows, const SharedBounds& bounds);
/// Does a cache with `there` already say all that `added` says (but for the day of the last use)?
bool contains_rows(const SharedRows& there, const SharedRows& added);

}  // namespace ecrin::build

// Unpacks one OCI layer (a tar stream) into a directory of its own, in overlay form: a whiteout becomes a 0/0
// character device, an opaque directory carries user.overlay.opaque=y (and fuse-overlayfs's name for it). The
// directory then serves as one lower layer of any driver. Runs inside the user namespace that owns the ids.
//
// Layers are hostile: every path is resolved with openat2 inside the directory, every parent is checked to be
// a real directory of this layer (a symlink as parent is not followed: the entry is refused when its
// resolution would leave what the layer itself made), names with "..", absolute names, hard links to outside,
// device nodes other than whiteouts in a user namespace that cannot make them, are refused with one error
// each. Overlay control xattrs are dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/cancel.hpp"
#include "base/fd.hpp"
#include "base/stream.hpp"

namespace ecrin::fs {

struct ApplyLimits {
  std::uint64_t bytes = 1ull << 40;  // data written, holes not counted
  std::uint64_t entries = 20'000'000;
  std::uint64_t depth = 4096;  // path components
};

enum class ApplyForm {
  overlay_layer,  // whiteouts kept, in overlay form
  plain_tree,  // whiteouts delete what is there: for --output=local, for reading a rootfs tar (no whiteouts)
};

struct ApplyResult {
  std::uint64_t bytes = 0;  // of the tar stream
  std::uint64_t entries = 0;
};

/// `source` gives plain tar bytes and is read to its end, so the caller may wrap it to compute the diff ID.
/// On error the directory holds a part; the caller throws it away.
Result<ApplyResult> apply_layer(std::unique_ptr<Source> source, const Fd& directory, ApplyForm form,
                                const ApplyLimits& limits = {}, const CancelToken* cancel = nullptr);

}  // namespace ecrin::fs

// What a RUN step uses of the files of the context that it mounts (--cache=traced). Such files are inputs of
// its key ("file src/main.c"), each with its content: of all of them, those count that the step used.
// Internal to build/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "build/session.hpp"
#include "fs/fuse/image_mount.hpp"

namespace ecrin::build {

/// Are there files of the context whose use is recorded? Not where one of the mounts is writable or a single
/// file: then all files count.
bool has_traced_binds(const PreparedStep& step);

/// A directory, mounted once more: what is read there is written down.
class TracedBind {
public:
  /// `below`: where the directory is in the context, "" or "src".
  static Result<std::unique_ptr<TracedBind>> mount(Session& session, const std::string& directory,
                                                   std::string below, const CancelToken& stop);
  const std::string& path() const { return m_mount->path(); }
  const std::string& below() const { return m_below; }
  fs::ImageUsage usage() const { return m_recorder->usage(); }

private:
  TracedBind() = default;
  std::string m_below;
  std::optional<fs::LayerDraft> m_draft;
  std::unique_ptr<fs::ImageView> m_view;
  std::optional<fs::UsageRecorder> m_recorder;
  std::optional<fs::ImageMount> m_mount;
};

/// Before the path of a file of the context, in traces.
inline constexpr std::string_view k_context_files = "//context/";

/// What was used of the files that a step mounts, as paths of a trace: "//context/src/main.c". Of those that
/// were only looked up, type, mode and size count; of those that were read, the content. Owners and times do
/// not, as in keys.
fs::ImageTrace used_files(const PreparedStep& step, const std::string& below, const fs::ImageUsage& usage);
/// What of them is another in this step; "" = nothing. Other paths do not count.
std::string file_difference(const fs::ImageTrace& trace, const PreparedStep& step);

}  // namespace ecrin::build

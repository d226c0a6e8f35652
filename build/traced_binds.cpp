#include "build/traced_binds.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "base/nameless_file.hpp"
#include "base/posix.hpp"
#include "fs/fuse/layer_index.hpp"

namespace ecrin::build {
namespace {

constexpr std::string_view k_file = "file ";
constexpr std::string_view k_size = "size ";  // of a file that was only looked up

std::string joined(std::string_view directory, std::string_view name) {
  if (directory.empty() || name.empty()) return fmt::format("{}{}", directory, name);
  return fmt::format("{}/{}", directory, name);
}

enum class Use { looked_up, read };

// The files of a step by their path in the context.
class Files {
public:
  explicit Files(const PreparedStep& step) {
    for (const KeyInput input : step.inputs) {
      if (!input.name.starts_with(k_file)) continue;
      const std::string_view path = input.name.substr(k_file.size());
      m_files.emplace(path == "." ? std::string_view() : path, input.value);
    }
    for (const auto& selection : step.mount_selections) {
      if (!selection) continue;
      for (const SourceItem& item : selection->items)
        for (const SourceEntry& entry : item.entries) m_sizes.emplace(entry.path, entry.status.st_size);
    }
  }

  /// "" = there is none.
  std::string state(std::string_view path, Use use) const {
    const auto found = m_files.find(path);
    if (found == m_files.end()) return "";
    const std::string_view value = found->second;
    const auto size = m_sizes.find(path);
    if (use == Use::read || !value.starts_with(k_file) || size == m_sizes.end()) return std::string(value);
    // "file MODE DIGEST" and what may follow (BuildContext::add_inputs).
    constexpr std::size_t digest = k_file.size() + 5;
    return fmt::format("{}{} {}{}", k_size, size->second, value.substr(0, digest), value.substr(digest + 64));
  }

  /// Of the names in a directory, with their types.
  std::string names(std::string_view directory) const {
    const std::string start = directory.empty() ? "" : fmt::format("{}/", directory);
    Encoder encoder;
    for (auto file = m_files.lower_bound(start); file != m_files.end() && file->first.starts_with(start);
         ++file) {
      const std::string_view name = file->first.substr(start.size());
      if (name.empty() || name.contains('/')) continue;
      encoder.put(name).put(file->second.substr(0, file->second.find(' ')));
    }
    return sha256_hex(encoder.bytes());
  }

private:
  std::map<std::string_view, std::string_view> m_files;
  std::map<std::string_view, off_t> m_sizes;
};

}  // namespace

bool has_traced_binds(const PreparedStep& step) {
  const auto* run = step.plan->as<recipes::RunStep>();
  if (!run) return false;
  bool has_any = false;
  for (std::size_t i = 0; i < run->mounts.size(); ++i) {
    const recipes::Mount& mount = run->mounts[i];
    if (mount.type != recipes::Mount::Type::bind || !mount.from.empty()) continue;
    const auto& items = step.mount_selections[i]->items;
    // A link to what is mounted is an input of its own.
    const bool is_plain = items.size() == 1 && !items.front().entries.empty() &&
                          items.front().is_directory() &&
                          items.front().named == items.front().entries.front().path;
    if (!mount.read_only || !is_plain) return false;
    has_any = true;
  }
  return has_any;
}

Result<std::unique_ptr<TracedBind>> TracedBind::mount(Session& session, const std::string& directory,
                                                      std::string below, const CancelToken& stop) {
  std::unique_ptr<TracedBind> bind(new TracedBind);
  bind->m_below = std::move(below);
  bind->m_draft.emplace(TRY(session.workshop.layers().draft()));
  const Fd files = TRY(posix::open(directory, O_RDONLY | O_DIRECTORY));
  const Fd index = TRY(nameless_file(bind->m_draft->diff()));
  {
    FdSink sink(index);
    BufferedSink buffered(sink);
    TRY(fs::write_layer_index(files, buffered, &stop));
    TRY(buffered.finish());
  }
  std::vector<fs::ImageView::Layer> layers(1);
  layers[0].path = directory;
  layers[0].index = TRY(fs::LayerIndex::open(index));
  bind->m_view = TRY(fs::ImageView::open(std::move(layers)));
  bind->m_recorder.emplace(*bind->m_view);
  TRY(posix::mkdir_at(bind->m_draft->diff(), "bind", 0755));
  bind->m_mount.emplace(TRY(fs::ImageMount::create(
      bind->m_draft->path() + "/diff/bind", {.view = bind->m_view.get(), .recorder = &*bind->m_recorder},
      fs::ImageMount::Permissions::checked)));
  return bind;
}

fs::ImageTrace used_files(const PreparedStep& step, const std::string& below, const fs::ImageUsage& usage) {
  const Files files(step);
  std::map<std::string, Use> used = {{"", Use::looked_up}};
  for (const auto* paths : {&usage.found, &usage.absent})
    for (const std::string& path : *paths) used.emplace(path, Use::looked_up);
  for (const std::string& path : usage.read) used[path] = Use::read;
  fs::ImageTrace trace;
  for (const auto& [path, use] : used) {
    const std::string place = joined(below, path);
    fs::TracedPath state{.path = std::string(k_context_files) + place};
    state.content = files.state(place, use);
    state.is_there = !state.content.empty();
    if (state.is_there && std::ranges::binary_search(usage.listed, path)) state.names = files.names(place);
    trace.push_back(std::move(state));
  }
  return trace;
}

std::string file_difference(const fs::ImageTrace& trace, const PreparedStep& step) {
  std::optional<Files> files;
  for (const fs::TracedPath& used : trace) {
    if (!used.path.starts_with(k_context_files)) continue;
    if (!files) files.emplace(step);
    const std::string place = used.path.substr(k_context_files.size());
    const Use use = used.content.starts_with(k_size) ? Use::looked_up : Use::read;
    const std::string now = files->state(place, use);
    if (now.empty() != used.content.empty())
      return fmt::format("{} of the context: {}", place, now.empty() ? "it is gone" : "it was not there");
    if (now != used.content)
      return fmt::format("{} of the context: its {}", place, use == Use::read ? "content" : "size or mode");
    if (!used.names.empty() && used.names != files->names(place))
      return fmt::format("{} of the context: the names in it", place.empty() ? "the root" : place);
  }
  return "";
}

}  // namespace ecrin::build

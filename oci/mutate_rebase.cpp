// rebase: the image's own layers and settings on another base.
#include <algorithm>

#include "base/text.hpp"
#include "base/variables.hpp"
#include "oci/mutate_parts.hpp"

namespace ecrin::oci {

namespace {

// One setting in three versions: as the old base had it, as the image has it, as the new base has it.
class Settings {
public:
  explicit Settings(std::vector<std::string>& conflicts) : m_conflicts(conflicts) {}

  template <class Value>
  void merge(const std::string& name, const Value& old, Value& mine, const Value& next) {
    if (mine == old) {
      mine = next;
    } else if (next != old && next != mine) {
      m_conflicts.push_back(name);
    }
  }

  // The order of variables is the new base's, then the image's own.
  void merge_env(const std::vector<std::string>& old, std::vector<std::string>& mine,
                 const std::vector<std::string>& next) {
    std::vector<std::string> merged = next;
    for (const std::string& line : old) {
      const std::string name(variable_name(line));
      if (find_variable(mine, name)) continue;
      if (const std::string* other = find_variable(next, name); other && *other != line)
        m_conflicts.push_back("env " + name);
      erase_variable(merged, name);
    }
    for (const std::string& line : mine) {
      const std::string name(variable_name(line));
      const std::string* before = find_variable(old, name);
      if (before && *before == line) continue;
      const std::string* other = find_variable(next, name);
      const bool base_changed = other ? !before || *before != *other : before != nullptr;
      if (base_changed && (!other || *other != line)) m_conflicts.push_back("env " + name);
      set_variable(merged, line);
    }
    mine = std::move(merged);
  }

  void merge_map(const std::string& what, const std::map<std::string, std::string>& old,
                 std::map<std::string, std::string>& mine, const std::map<std::string, std::string>& next) {
    std::map<std::string, std::string> merged = next;
    const auto value = [](const auto& map, const std::string& key) -> std::optional<std::string> {
      const auto found = map.find(key);
      return found == map.end() ? std::nullopt : std::optional(found->second);
    };
    std::vector<std::string> keys;
    for (const auto& [key, text] : old) keys.push_back(key);
    for (const auto& [key, text] : mine)
      if (!old.contains(key)) keys.push_back(key);
    for (const std::string& key : keys) {
      std::optional<std::string> merged_value = value(mine, key);
      merge(what + " " + key, value(old, key), merged_value, value(next, key));
      if (merged_value) {
        merged[key] = *merged_value;
      } else {
        merged.erase(key);
      }
    }
    mine = std::move(merged);
  }

  // Sets cannot contradict each other: what the image added or took away, on top of the new base's.
  static void merge_names(const std::vector<std::string>& old, std::vector<std::string>& mine,
                          const std::vector<std::string>& next) {
    const auto has = [](const std::vector<std::string>& list, const std::string& name) {
      return std::ranges::find(list, name) != list.end();
    };
    std::vector<std::string> merged;
    for (const std::string& name : next)
      if (has(mine, name) || !has(old, name)) merged.push_back(name);
    for (const std::string& name : mine)
      if (!has(old, name) && !has(next, name)) merged.push_back(name);
    std::ranges::sort(merged);
    mine = std::move(merged);
  }

private:
  std::vector<std::string>& m_conflicts;
};

bool same_entry(const HistoryEntry& first, const HistoryEntry& second) {
  return first.created == second.created && first.created_by == second.created_by &&
         first.comment == second.comment && first.empty_layer == second.empty_layer;
}

Result<> check(const Rebase& request) {
  const ImageConfig& image = request.image.config;
  const ImageConfig& old_base = request.old_base.config;
  const std::size_t common = common_layers(image, old_base);
  if (common != old_base.diff_ids.size())
    return std::unexpected(
        Error(ErrorKind::invalid,
              fmt::format("the image is not built on {}: they share {} of its {} layers",
                          request.old_base.id().digest.to_string(), common, old_base.diff_ids.size()))
            .hint("name the image that it was built on with --from"));
  const Platform& mine = image.platform;
  const Platform& next = request.new_base.config.platform;
  if (mine.os != next.os || mine.architecture != next.architecture || !mine.accepts(next))
    return fail(ErrorKind::invalid, "the image is for {}, but the new base is for {}", mine.to_string(),
                next.to_string());
  return {};
}

void merge_config(ImageConfig& mine, const ImageConfig& old, const ImageConfig& next,
                  std::vector<std::string>& conflicts) {
  Settings settings(conflicts);
  settings.merge("entrypoint", old.entrypoint, mine.entrypoint, next.entrypoint);
  settings.merge("cmd", old.cmd, mine.cmd, next.cmd);
  settings.merge_env(old.env, mine.env, next.env);
  settings.merge("user", old.user, mine.user, next.user);
  settings.merge("workdir", old.working_dir, mine.working_dir, next.working_dir);
  settings.merge_map("label", old.labels, mine.labels, next.labels);
  Settings::merge_names(old.exposed_ports, mine.exposed_ports, next.exposed_ports);
  Settings::merge_names(old.volumes, mine.volumes, next.volumes);
  settings.merge("stop-signal", old.stop_signal, mine.stop_signal, next.stop_signal);
  settings.merge("healthcheck", old.healthcheck, mine.healthcheck, next.healthcheck);
  settings.merge("shell", old.shell, mine.shell, next.shell);
  settings.merge("onbuild", old.on_build, mine.on_build, next.on_build);
  settings.merge("author", old.author, mine.author, next.author);
  mine.platform.os_version = next.platform.os_version;
}

}  // namespace

ImageConfig rebase_settings(ImageConfig settings, const ImageConfig& old_base, const ImageConfig& new_base) {
  std::vector<std::string> conflicts;
  merge_config(settings, old_base, new_base, conflicts);
  return settings;
}

std::size_t base_entries(const ImageConfig& image, const ImageConfig& old_base) {
  const auto& all = image.history;
  const auto& base = old_base.history;
  if (base.size() <= all.size() && std::equal(base.begin(), base.end(), all.begin(), same_entry))
    return base.size();
  std::size_t layers = 0;
  std::size_t entries = 0;
  for (; entries < all.size() && layers < old_base.diff_ids.size(); ++entries)
    if (!all[entries].empty_layer) ++layers;
  return entries;
}

std::size_t common_layers(const ImageConfig& first, const ImageConfig& second) {
  const auto& a = first.diff_ids;
  const auto& b = second.diff_ids;
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

Result<RebasedImage> rebase(const Rebase& request, const std::string& created) {
  TRY(check(request));
  const ImageConfig& old = request.old_base.config;
  const ImageConfig& next = request.new_base.config;
  RebasedImage result;
  ImageConfig config = request.image.config;
  ImageManifest manifest = request.image.manifest;
  merge_config(config, old, next, result.conflicts);

  const auto base_layers = static_cast<std::ptrdiff_t>(old.diff_ids.size());
  std::vector<HistoryEntry> history = next.history;
  const std::vector<HistoryEntry>& all = request.image.config.history;
  const auto own = static_cast<std::ptrdiff_t>(base_entries(request.image.config, old));
  history.insert(history.end(), all.begin() + own, all.end());
  config.history = std::move(history);
  config.diff_ids = next.diff_ids;
  config.diff_ids.insert(config.diff_ids.end(), request.image.config.diff_ids.begin() + base_layers,
                         request.image.config.diff_ids.end());
  manifest.layers = request.new_base.manifest.layers;
  manifest.layers.insert(manifest.layers.end(), request.image.manifest.layers.begin() + base_layers,
                         request.image.manifest.layers.end());
  // Where the image says on what it stands, it goes on telling the truth.
  if (manifest.annotations.contains(annotation::k_base_digest))
    manifest.annotations[annotation::k_base_digest] = request.new_base.manifest_descriptor.digest.to_string();
  if (manifest.annotations.contains(annotation::k_base_name))
    manifest.annotations[annotation::k_base_name] = request.new_base_name;

  const bool same = config.to_bytes() == request.image.config.to_bytes() &&
                    manifest.annotations == request.image.manifest.annotations;
  if (same) {
    result.image = unchanged(request.image);
    return result;
  }
  config.created = created;
  result.image = TRY(assemble(request.image, config, std::move(manifest)));
  return result;
}

}  // namespace ecrin::oci

#include "cli/containers/inherited_volumes.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "build/volumes.hpp"
#include "cli/containers/selection.hpp"
#include "cli/containers/stored_request.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_volume = "--volume=";
constexpr std::string_view k_mount = "--mount=";

bool is_taken(const std::vector<MountSpec>& mounts, const std::string& place) {
  return std::ranges::find(mounts, place, &MountSpec::destination) != mounts.end();
}

Result<MountSpec> spec_of(const std::string& word) {
  if (word.starts_with(k_mount)) return parse_mount(std::string_view(word).substr(k_mount.size()));
  return parse_volume(std::string_view(word).substr(k_volume.size()));
}

}  // namespace

Result<VolumesFrom> parse_volumes_from(const std::string& text) {
  const std::size_t colon = text.find(':');
  VolumesFrom from{.container = text.substr(0, colon), .options = ""};
  if (from.container.empty())
    return fail(ErrorKind::invalid, "--volumes-from is CONTAINER[:ro|rw], not '{}'", printable(text, 200));
  if (colon == std::string::npos) return from;
  for (const std::string& option : split(text.substr(colon + 1), ',')) {
    if (option == "z" || option == "Z") continue;  // labels are not set
    if (option != "ro" && option != "rw")
      return fail(ErrorKind::invalid, "--volumes-from is CONTAINER[:ro|rw], not '{}'", printable(text, 200));
    from.options = option;
  }
  return from;
}

Result<std::optional<std::string>> inherited_word(const std::string& word, const std::string& options,
                                                  const std::map<std::string, std::string>& volumes) {
  if (!word.starts_with(k_volume) && !word.starts_with(k_mount)) return std::nullopt;
  const MountSpec spec = TRY(spec_of(word));
  if (spec.type == MountSpec::Type::tmpfs) return std::nullopt;
  if (spec.type == MountSpec::Type::volume && spec.source.empty()) {
    const auto volume = volumes.find(spec.destination);
    if (volume == volumes.end()) return std::nullopt;
    std::string named = fmt::format("{}{}:{}", k_volume, volume->second, spec.destination);
    return options.empty() ? named : named + ":" + options;
  }
  if (options.empty()) return word;
  if (word.starts_with(k_mount)) return word + "," + options;
  const bool has_options = std::ranges::count(word, ':') == 2;
  return word + (has_options ? "," : ":") + options;
}

Result<> inherit_volumes(Session& session, ContainerRequest& request) {
  if (request.volumes_from.empty()) return {};
  Store& store = TRY(session.workshop())->store();
  Containers containers = TRY(Containers::open(store));
  build::Volumes table = TRY(build::Volumes::open(store));
  for (const std::string& text : request.volumes_from) {
    const VolumesFrom from = TRY(parse_volumes_from(text));
    const run::StoredContainer record =
        TRY_WHILE(containers.find(from.container), "looking for what --volumes-from names");
    const StoredRequest stored = TRY(decode_request(record.request));
    const std::map<std::string, std::string> volumes = TRY(table.attached(record.id));
    std::vector<std::string> words = stored.words;
    words.resize(count_flag_words(words));
    // What its image declares has no word.
    for (const auto& [place, name] : volumes) words.push_back(fmt::format("{}{}:{}", k_volume, name, place));
    for (const std::string& word : words) {
      const auto inherited = TRY(inherited_word(word, from.options, volumes));
      if (!inherited) continue;
      MountSpec spec = TRY(spec_of(*inherited));
      if (is_taken(request.mounts, spec.destination)) continue;
      request.mounts.push_back(std::move(spec));
      request.inherited.push_back(*inherited);
    }
  }
  return {};
}

}  // namespace ecrin::cli

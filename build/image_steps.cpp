#include "build/image_steps.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/compression.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "base/stream.hpp"
#include "base/text.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_states_limit = 64u << 20;
constexpr std::uint64_t k_text_overhead = 64;  // at most, of one among others
constexpr int k_bases_limit = 100;             // on top of each other

constexpr std::array<std::string_view, 2> k_schema = {R"(
CREATE TABLE image_steps (
  image TEXT PRIMARY KEY,        -- ID
  base TEXT NOT NULL,            -- ID of the image that it was built on; '': none
  base_entries INTEGER NOT NULL, -- of its history that came with the base
  states TEXT NOT NULL           -- configs after each of the other entries; zstd
) WITHOUT ROWID;
)",
                                                      R"(
ALTER TABLE image_steps ADD COLUMN keys TEXT NOT NULL DEFAULT '';  -- of the same entries, in build_steps
)"};

/// "" when unpack() would refuse it.
Result<std::string> pack(const std::vector<ConfigPointer>& states) {
  std::vector<std::string> texts;
  std::uint64_t size = 0;
  ConfigPointer last;
  for (const ConfigPointer& state : states) {
    if (state == last) {
      texts.push_back(texts.back());
    } else {
      oci::ImageConfig settings = *state;
      settings.history.clear();
      settings.diff_ids.clear();
      texts.push_back(settings.to_bytes());
      last = state;
    }
    size += texts.back().size() + k_text_overhead;
    if (size > k_states_limit) return "";
  }
  Encoder encoder;
  encoder.put(texts);
  StringSink packed;
  auto compressor = TRY(compress(Compression::zstd, std::nullopt, packed));
  TRY(compressor->write(as_bytes(encoder.bytes())));
  TRY(compressor->finish());
  return std::move(packed.bytes());
}

Result<std::vector<std::string>> unpack(std::string packed) {
  auto source = TRY(decompress(Compression::zstd, std::make_unique<MemorySource>(std::move(packed))));
  const std::string bytes = TRY(read_all(*source, k_states_limit));
  Decoder decoder(bytes);
  std::vector<std::string> texts = decoder.get_strings();
  if (!decoder.ok() || !decoder.at_end())
    return fail(ErrorKind::invalid, "the states of an image are damaged");
  return texts;
}

Result<std::optional<oci::ImageConfig>> state_after(Database& database, std::string id, std::size_t step) {
  for (int depth = 0; depth < k_bases_limit; ++depth) {
    auto lock = database.lock();
    auto select =
        TRY(database.prepare("SELECT base, base_entries, states FROM image_steps WHERE image = ?1"));
    select.bind(1, id);
    if (TRY(select.step()) == Statement::Step::done) return std::nullopt;
    const auto base_entries = static_cast<std::size_t>(select.integer(1));
    if (step <= base_entries) {
      id = select.text(0);
      continue;
    }
    const std::vector<std::string> texts = TRY(unpack(select.text(2)));
    if (step - base_entries > texts.size()) return std::nullopt;
    return TRY(oci::ImageConfig::parse(texts[step - base_entries - 1], "the settings of a step"));
  }
  return std::nullopt;
}

}  // namespace

Result<> migrate_image_steps(Database& database) {
  return database.migrate("image_steps", k_schema);
}

Result<> record_states(Database& database, const std::string& image_id, const ImageStates& states) {
  const bool has_keys = std::ranges::any_of(states.keys, [](const std::string& key) { return !key.empty(); });
  const std::string keys = has_keys ? join(states.keys, " ") : "";
  auto lock = database.lock();
  {
    auto select = TRY(database.prepare("SELECT keys FROM image_steps WHERE image = ?1"));
    select.bind(1, image_id);
    if (TRY(select.step()) == Statement::Step::row) {
      if (keys.empty() || select.text(0) == keys) return {};
      auto update = TRY(database.prepare("UPDATE image_steps SET keys = ?2 WHERE image = ?1"));
      return update.bind(1, image_id).bind(2, keys).run();
    }
  }
  const std::string packed = TRY(pack(states.states));
  if (packed.empty()) {
    log::debug("what image {} was after each step is too much to be kept", image_id);
    return {};
  }
  auto insert =
      TRY(database.prepare("INSERT OR REPLACE INTO image_steps (image, base, base_entries, states, keys) "
                           "VALUES (?1, ?2, ?3, ?4, ?5)"));
  return insert.bind(1, image_id)
      .bind(2, states.base)
      .bind(3, static_cast<std::int64_t>(states.base_entries))
      .bind(4, packed)
      .bind(5, keys)
      .run();
}

Result<> forget_states(Database& database, const std::vector<std::string>& remaining_ids) {
  std::map<std::string, std::string> bases;  // by image
  {
    auto select = TRY(database.prepare("SELECT image, base FROM image_steps"));
    while (TRY(select.step()) == Statement::Step::row) bases.emplace(select.text(0), select.text(1));
  }
  std::set<std::string> needed;
  for (const std::string& id : remaining_ids) {
    for (auto row = bases.find(id); row != bases.end() && needed.insert(row->first).second;)
      row = bases.find(row->second);
  }
  for (const auto& [id, base] : bases) {
    if (needed.contains(id)) continue;
    auto remove = TRY(database.prepare("DELETE FROM image_steps WHERE image = ?1"));
    TRY(remove.bind(1, id).run());
  }
  return {};
}

Result<std::vector<std::string>> step_keys(Database& database, const oci::Image& image) {
  std::vector<std::string> all;
  std::size_t end = image.config.history.size();
  std::string id = image.id().digest.to_string();
  for (int depth = 0; depth < k_bases_limit && end > 0; ++depth) {
    auto lock = database.lock();
    auto select = TRY(database.prepare("SELECT base, base_entries, keys FROM image_steps WHERE image = ?1"));
    select.bind(1, id);
    if (TRY(select.step()) == Statement::Step::done) break;
    all.resize(image.config.history.size());
    const auto first = static_cast<std::size_t>(select.integer(1));
    const std::vector<std::string> keys = split(select.text(2), ' ');
    for (std::size_t i = first; i < end && i - first < keys.size(); ++i) all[i] = keys[i - first];
    end = std::min(end, first);
    id = select.text(0);
  }
  return all;
}

Result<ImageAtStep> image_at_step(Database& database, const oci::Image& image, std::size_t step) {
  const std::vector<oci::HistoryEntry>& history = image.config.history;
  const auto layer_entries =
      static_cast<std::size_t>(std::ranges::count(history, false, &oci::HistoryEntry::empty_layer));
  if (layer_entries != image.config.diff_ids.size()) {
    return fail(ErrorKind::invalid, "the image's history does not say which steps made its {} layers",
                image.config.diff_ids.size());
  }
  if (step == 0 || step > history.size()) {
    auto error = Error(ErrorKind::not_found,
                       fmt::format("the image has no step {}: its history has {}", step, history.size()));
    return std::unexpected(std::move(error).hint("'ecrin history' lists them"));
  }
  ImageAtStep result{.image = image};
  oci::ImageConfig& config = result.image.config;
  if (auto state = TRY(state_after(database, image.id().digest.to_string(), step))) {
    config = std::move(*state);
    config.diff_ids = image.config.diff_ids;
    config.history = history;
    result.settings_known = true;
  } else {
    result.settings_known = step == history.size();
  }
  config.history.resize(step);
  const auto layers =
      static_cast<std::size_t>(std::ranges::count(config.history, false, &oci::HistoryEntry::empty_layer));
  config.diff_ids.resize(layers);
  result.image.manifest.layers.resize(std::min(layers, image.manifest.layers.size()));
  return result;
}

}  // namespace ecrin::build

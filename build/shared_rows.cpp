#include "build/shared_rows.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_shard_blobs = 400;  // a manifest lists at most 500
constexpr std::size_t k_shard_rows = 1000;
constexpr std::uint64_t k_shard_bytes = 3u << 20;
constexpr std::size_t k_text_limit = 300;
constexpr std::size_t k_id_limit = 1000;
constexpr std::size_t k_list_limit = 10'000;
constexpr double k_longest = 1e9;  // seconds

using StepName = std::pair<std::string, std::string>;  // key and layer below

StepName name_of(const SharedStep& step) {
  return {step.key, step.below};
}

/// Puts rows into shards, each until it is full.
class ShardWriter {
public:
  void add(const char* list, Json row, const oci::Descriptor* blob, const oci::Descriptor* trace = nullptr) {
    const std::size_t size = dump_json(row).size() + 80;
    if (m_rows > 0 &&
        (m_blobs.size() + 2 > k_shard_blobs || m_rows >= k_shard_rows || m_bytes + size > k_shard_bytes))
      close();
    if (blob) row["blob"] = number_of(*blob);
    if (trace) row["trace"] = number_of(*trace);
    m_document[list].push_back(std::move(row));
    ++m_rows;
    m_bytes += size;
  }
  std::vector<SharedShard> finish() {
    if (m_rows > 0 || m_shards.empty()) close();
    return std::move(m_shards);
  }

private:
  std::size_t number_of(const oci::Descriptor& blob) {
    const auto found = std::ranges::find_if(m_blobs, [&](const oci::Descriptor& known) {
      return known.digest == blob.digest && known.media_type == blob.media_type;
    });
    if (found != m_blobs.end()) return static_cast<std::size_t>(found - m_blobs.begin());
    m_blobs.push_back({.media_type = blob.media_type, .digest = blob.digest, .size = blob.size});
    return m_blobs.size() - 1;
  }
  void close() {
    m_document["version"] = k_shared_rows_version;
    m_shards.push_back({.rows = dump_json(m_document), .blobs = std::move(m_blobs)});
    m_document = Json::object();
    m_blobs.clear();
    m_rows = 0;
    m_bytes = 0;
  }

  std::vector<SharedShard> m_shards;
  Json m_document = Json::object();
  std::vector<oci::Descriptor> m_blobs;
  std::size_t m_rows = 0;
  std::uint64_t m_bytes = 0;
};

Json step_row(const SharedStep& step) {
  Json row = {{"key", step.key},
              {"below", step.below},
              {"text", printable(step.text, k_text_limit)},
              {"bytes", step.bytes},
              {"entries", step.entries},
              {"used", step.used},
              {"milliseconds", static_cast<std::uint64_t>(std::clamp(step.seconds, 0.0, k_longest) * 1000)}};
  if (step.layer) {
    row["diffID"] = step.layer->diff_id.digest.to_string();
    row["size"] = step.layer->size;
  }
  if (step.trace) row["command"] = step.trace->command;
  for (const KeyInput& input : step.inputs) row["inputs"].push_back(Json::array({input.name, input.value}));
  return row;
}

bool is_key(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Reads the members of one row. Whatever is wrong is found by the first getter that meets it.
class RowReader {
public:
  RowReader(const Json& row, const SharedShard& shard, std::string what)
      : m_row(row), m_shard(shard), m_what(std::move(what)) {}

  Result<> check() const {
    if (m_row.is_object()) return {};
    return fail(ErrorKind::invalid, "{} must be an object", m_what);
  }
  Result<std::string> text(const char* name, std::size_t limit) const {
    std::string value = TRY(json_string(m_row, name, m_what)).value_or("");
    if (value.size() > limit)
      return fail(ErrorKind::limit, "{}.{} has more than {} bytes", m_what, name, limit);
    return value;
  }
  Result<std::uint64_t> number(const char* name) const {
    const std::uint64_t value = TRY(json_unsigned(m_row, name, m_what)).value_or(0);
    if (value > INT64_MAX) return fail(ErrorKind::invalid, "{}.{} is too big", m_what, name);
    return value;
  }
  Result<std::optional<oci::DiffId>> diff_id() const {
    const auto value = TRY(json_string(m_row, "diffID", m_what));
    if (!value) return std::nullopt;
    return oci::DiffId{TRY(oci::Digest::parse(*value))};
  }
  Result<std::optional<oci::Descriptor>> blob() const {
    const oci::Descriptor* blob = TRY(blob_of("blob"));
    if (!blob) return std::nullopt;
    if (!oci::media_type::is_layer(blob->media_type))
      return fail(ErrorKind::invalid, "{}.blob is '{}', which is no layer", m_what,
                  printable(blob->media_type, 100));
    return *blob;
  }
  Result<std::optional<SharedTrace>> trace() const {
    const oci::Descriptor* blob = TRY(blob_of("trace"));
    // Of another type it is a newer program's.
    if (!blob || blob->media_type != k_cache_trace_type || blob->size > k_shared_trace_limit)
      return std::nullopt;
    SharedTrace trace{.command = {}, .blob = *blob};
    trace.command = TRY(text("command", 64));
    if (!is_key(trace.command)) return fail(ErrorKind::invalid, "{}.command is no key", m_what);
    return trace;
  }
  Result<KeyInputs> inputs() const {
    KeyInputs inputs;
    const Json* list = TRY(json_array(m_row, "inputs", m_what));
    if (!list) return inputs;
    for (const Json& input : *list) {
      if (!input.is_array() || input.size() != 2 || !input[0].is_string() || !input[1].is_string())
        return fail(ErrorKind::invalid, "{}.inputs has something that is no name with a value", m_what);
      inputs.push_back({input[0].get<std::string>(), input[1].get<std::string>()});
    }
    return inputs;
  }
  const std::string& what() const { return m_what; }

private:
  // nullptr: there is no such member.
  Result<const oci::Descriptor*> blob_of(const char* name) const {
    const auto position = TRY(json_unsigned(m_row, name, m_what));
    if (!position) return nullptr;
    if (*position >= m_shard.blobs.size())
      return fail(ErrorKind::invalid, "{}.{} is {}, but there are {}", m_what, name, *position,
                  m_shard.blobs.size());
    return &m_shard.blobs[*position];
  }

  const Json& m_row;
  const SharedShard& m_shard;
  std::string m_what;
};

Result<SharedStep> read_step(const RowReader& row) {
  SharedStep step;
  step.key = TRY(row.text("key", 64));
  if (!is_key(step.key)) return fail(ErrorKind::invalid, "{}.key is no key", row.what());
  step.below = TRY(row.text("below", 200));
  if (!step.below.empty()) TRY(oci::Digest::parse(step.below));
  step.text = TRY(row.text("text", 4 * k_text_limit));
  step.bytes = TRY(row.number("bytes"));
  step.entries = TRY(row.number("entries"));
  step.used = static_cast<std::int64_t>(TRY(row.number("used")));
  step.seconds = std::min(static_cast<double>(TRY(row.number("milliseconds"))) / 1000, k_longest);
  if (const auto diff_id = TRY(row.diff_id())) {
    SharedLayer layer{.diff_id = *diff_id, .size = 0, .blob = std::nullopt};
    layer.size = TRY(row.number("size"));
    layer.blob = TRY(row.blob());
    step.layer = std::move(layer);
  }
  step.inputs = TRY(row.inputs());
  step.trace = TRY(row.trace());
  return step;
}

Result<SharedMount> read_mount(const RowReader& row) {
  SharedMount mount;
  mount.id = TRY(row.text("id", k_id_limit));
  const auto diff_id = TRY(row.diff_id());
  const auto blob = TRY(row.blob());
  if (mount.id.empty() || !diff_id || !blob)
    return fail(ErrorKind::invalid, "{} lacks an id, a diffID or a blob", row.what());
  mount.diff_id = *diff_id;
  mount.blob = *blob;
  mount.size = TRY(row.number("size"));
  mount.used = static_cast<std::int64_t>(TRY(row.number("used")));
  return mount;
}

template <class Row>
Result<> read_list(const Json& document, const char* name, const SharedShard& shard,
                   Result<Row> (*read)(const RowReader&), std::vector<Row>& rows) {
  const Json* list = TRY(json_array(document, name, "the rows"));
  if (!list) return {};
  if (list->size() > k_list_limit)
    return fail(ErrorKind::limit, "the rows have more than {} {}", k_list_limit, name);
  for (std::size_t i = 0; i < list->size(); ++i) {
    const RowReader row((*list)[i], shard, fmt::format("{}[{}]", name, i));
    TRY(row.check());
    rows.push_back(TRY(read(row)));
  }
  return {};
}

}  // namespace

bool have_same_result(const SharedStep& one, const SharedStep& other) {
  if (!one.layer || !other.layer) return !one.layer && !other.layer;
  return one.layer->diff_id == other.layer->diff_id;
}

KeyInputs shared_inputs(const KeyInputs& inputs) {
  std::size_t size = 0;
  for (const KeyInput& input : inputs) {
    size += input.name.size() + input.value.size() + 8;
    if (size > k_shared_inputs_limit || !is_valid_utf8(input.name) || !is_valid_utf8(input.value)) return {};
  }
  return inputs;
}

std::vector<SharedShard> encode_rows(SharedRows rows) {
  std::ranges::sort(rows.steps, {}, name_of);
  std::ranges::sort(rows.mounts, {}, &SharedMount::id);
  ShardWriter writer;
  for (const SharedMount& mount : rows.mounts) {
    if (mount.id.size() > k_id_limit || !is_valid_utf8(mount.id)) continue;
    writer.add("mounts",
               {{"id", mount.id},
                {"diffID", mount.diff_id.digest.to_string()},
                {"size", mount.size},
                {"used", mount.used}},
               &mount.blob);
  }
  for (const SharedStep& step : rows.steps)
    writer.add("steps", step_row(step), step.layer && step.layer->blob ? &*step.layer->blob : nullptr,
               step.trace ? &step.trace->blob : nullptr);
  return writer.finish();
}

Result<SharedRows> decode_rows(const SharedShard& shard) {
  if (shard.rows.size() > k_shared_document_limit)
    return fail(ErrorKind::limit, "the rows have more than {} bytes", k_shared_document_limit);
  const Json document = TRY(parse_json(shard.rows, "the rows"));
  if (!document.is_object()) return fail(ErrorKind::invalid, "the rows must be an object");
  const auto version = TRY(json_unsigned(document, "version", "the rows"));
  if (version != k_shared_rows_version)
    return fail(ErrorKind::unsupported, "the rows are of version {}, not {}", version.value_or(0),
                k_shared_rows_version);
  SharedRows rows;
  TRY(read_list(document, "steps", shard, read_step, rows.steps));
  TRY(read_list(document, "mounts", shard, read_mount, rows.mounts));
  return rows;
}

SharedRows merge_rows(SharedRows there, const SharedRows& added) {
  std::map<StepName, std::size_t> known;
  for (std::size_t i = 0; i < there.steps.size(); ++i) known.emplace(name_of(there.steps[i]), i);
  for (const SharedStep& step : added.steps) {
    const auto [found, is_new] = known.try_emplace(name_of(step), there.steps.size());
    if (is_new) {
      there.steps.push_back(step);
      continue;
    }
    SharedStep& old = there.steps[found->second];
    const std::int64_t used = std::max(old.used, step.used);
    // A result that nobody can fetch makes room for one that can be fetched.
    const bool makes_room = old.layer && !old.layer->blob && step.layer && step.layer->blob;
    std::optional<SharedTrace> trace = makes_room ? step.trace : old.trace;
    if (have_same_result(old, step)) trace = old.trace ? old.trace : step.trace;
    if (makes_room) old = step;
    old.trace = std::move(trace);
    old.used = used;
  }
  for (const SharedMount& mount : added.mounts) {
    const auto old = std::ranges::find(there.mounts, mount.id, &SharedMount::id);
    if (old == there.mounts.end()) {
      there.mounts.push_back(mount);
    } else {
      *old = mount;
    }
  }
  return there;
}

void bound_rows(SharedRows& rows, const SharedBounds& bounds) {
  const auto latest_first = [](const auto& a, const auto& b) { return a.used > b.used; };
  std::ranges::stable_sort(rows.mounts, latest_first);
  if (rows.mounts.size() > bounds.mounts) rows.mounts.resize(bounds.mounts);
  std::ranges::stable_sort(rows.steps, latest_first);
  if (rows.steps.size() > bounds.steps) rows.steps.resize(bounds.steps);
  std::size_t blobs = rows.mounts.size();
  for (std::size_t i = 0; i < rows.steps.size(); ++i) {
    if (!rows.steps[i].layer || !rows.steps[i].layer->blob || ++blobs <= bounds.blobs) continue;
    rows.steps.resize(i);
    break;
  }
  std::size_t traces = 0;
  std::uint64_t bytes = 0;
  for (SharedStep& step : rows.steps) {
    if (!step.trace) continue;
    bytes += step.trace->blob.size;
    if (++traces > bounds.traces || bytes > bounds.trace_bytes) step.trace.reset();
  }
}

bool contains_rows(const SharedRows& there, const SharedRows& added) {
  std::map<StepName, const SharedStep*> known;
  for (const SharedStep& step : there.steps) known.emplace(name_of(step), &step);
  for (const SharedStep& step : added.steps) {
    const auto found = known.find(name_of(step));
    if (found == known.end()) return false;
    const auto& layer = found->second->layer;
    if (step.layer && step.layer->blob && layer && !layer->blob) return false;
    if (step.trace && !found->second->trace && have_same_result(*found->second, step)) return false;
  }
  return std::ranges::all_of(added.mounts, [&](const SharedMount& mount) {
    const auto found = std::ranges::find(there.mounts, mount.id, &SharedMount::id);
    return found != there.mounts.end() && found->diff_id == mount.diff_id;
  });
}

}  // namespace ecrin::build

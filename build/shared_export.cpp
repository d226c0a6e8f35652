#include "build/shared_export.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/cache_mount.hpp"
#include "build/shared_mounts.hpp"
#include "build/shared_traces.hpp"

namespace ecrin::build {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int k_tries = 8;
constexpr std::chrono::milliseconds k_shortest_pause{100};
constexpr std::int64_t k_day = 86'400;

// Another builder that had read before we wrote may write after us. Whoever does so has done it by then;
// chance keeps two from doing the same again and again.
Result<> pause_after(SteadyClock::duration window, const CancelToken& stop) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const auto shortest = std::max<SteadyClock::duration>(window * 2, k_shortest_pause);
  const auto until = SteadyClock::now() + shortest +
                     std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 100)(random));
  while (SteadyClock::now() < until) {
    TRY(stop.check());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

// The first of their errors, when all have ended.
Result<> ended(std::vector<std::future<Result<>>>& tasks) {
  std::optional<Error> failure;
  for (auto& task : tasks) {
    auto result = task.get();
    if (!result && !failure) failure = std::move(result).error();
  }
  if (failure) return std::unexpected(std::move(*failure));
  return {};
}

}  // namespace

SharedExport::SharedExport(Workshop& workshop, const CacheTarget& target, SharedCaches& caches, Seal seal,
                           std::int64_t now, const CancelToken& cancel)
    : m_workshop(workshop),
      m_target(target),
      m_caches(caches),
      m_seal(std::move(seal)),
      m_today(now / k_day),
      m_stop(&cancel) {
  m_there = m_pool
                .submit([this]() -> Result<SharedDocument> {
                  // What a build has just read need not be read again.
                  if (const SharedDocument* known = m_caches.document(m_target.place.name)) return *known;
                  return read_target(nullptr);
                })
                .share();
}

SharedExport::~SharedExport() {
  m_stop.cancel();
}

// What is there is read anew whenever it counts; `known` only saves reading the same bytes.
Result<SharedDocument> SharedExport::read_target(const SharedDocument* known) {
  TRY(m_stop.check());
  auto source = m_target.place.open_source(&m_stop);
  if (!source) {
    // A registry says "denied" for a repository that does not exist; writing to it will tell.
    const ErrorKind kind = source.error().kind();
    if (kind == ErrorKind::not_found || kind == ErrorKind::denied) return SharedDocument{};
    return std::unexpected(std::move(source).error());
  }
  auto document = read_shared_cache(**source, known, &m_stop);
  // What is broken is written anew. A newer ecrin's cache and other people's images are not.
  if (!document &&
      (document.error().kind() == ErrorKind::invalid || document.error().kind() == ErrorKind::limit))
    return SharedDocument{};
  return document;
}

Result<oci::ImageDestination*> SharedExport::destination() {
  const std::scoped_lock lock(m_destination_mutex);
  if (!m_destination) m_destination = TRY(m_target.open_destination(&m_stop));
  if (!m_packed) m_packed = TRY(oci::PackedLayers::open(m_workshop.store()));
  return m_destination.get();
}

void SharedExport::add(ExportedStep step) {
  const std::scoped_lock lock(m_mutex);
  step.row.used = m_today;
  Entry& entry = m_entries.emplace_back();
  entry.step = std::move(step);
  entry.task = m_pool.submit([this, &entry] { return resolve(entry); });
}

// What need not be sent: the cache has the layer, or another result of the step, which stays.
bool SharedExport::is_there(SharedStep& row) const {
  bool has_other = false;
  for (const SharedStep& step : m_there.get()->rows.steps) {
    if (!step.layer || !step.layer->blob) continue;
    if (step.layer->diff_id == row.layer->diff_id) {
      row.layer->blob = step.layer->blob;
      return true;
    }
    has_other = has_other || (step.key == row.key && step.below == row.below);
  }
  if (has_other) row.layer->blob.reset();
  return has_other;
}

// What the step's row says, and the journey of what it names if that is worth it by itself.
Result<> SharedExport::resolve(Entry& entry) {
  TRY(m_stop.check());
  TRY(resolve_layer(entry));
  if (!entry.step.wants_trace) return {};
  find_trace(entry.step);
  return entry.postponed || m_target.exclusive ? Result<>{} : send_trace(entry);
}

Result<> SharedExport::resolve_layer(Entry& entry) {
  ExportedStep& step = entry.step;
  if (!step.found) {
    if (step.below) step.row.below = TRY(m_seal(*step.below)).diff_id;
    // Another build may have had another result since.
    if (!step.layer && !step.traced_layer.empty()) step.row.trace.reset();
    if (!step.layer) return {};
    const fs::Layer layer = TRY(m_seal(*step.layer));
    if (step.traced_layer != layer.id && step.traced_layer != step.layer->id) step.row.trace.reset();
    step.row.layer = SharedLayer{
        .diff_id = {TRY(oci::Digest::parse(layer.diff_id))}, .size = layer.size, .blob = std::nullopt};
  } else if (!step.row.layer || !step.row.layer->blob) {
    return {};
  }
  if (const Result<SharedDocument>& there = m_there.get(); !there) return std::unexpected(there.error());
  if (is_there(step.row)) return {};
  const std::uint64_t size = step.found ? step.row.layer->blob->size : packed_guess(step.row.layer->size);
  const bool is_worth_it = step.needs_stages || step.row.seconds > m_caches.estimate().seconds_for(size);
  entry.postponed = !is_worth_it || m_target.exclusive;
  return entry.postponed ? Result<>{} : upload(entry);
}

Result<> SharedExport::upload(Entry& entry) {
  TRY(m_stop.check());
  ExportedStep& step = entry.step;
  SharedLayer& shared = *step.row.layer;
  oci::ImageDestination& to = *TRY(destination());
  if (step.found) {
    TRY(oci::copy_blob(*shared.blob, m_caches.opener(*step.found, *shared.blob, &m_stop), to, m_observer,
                       &m_stop));
    return {};
  }
  shared.blob = TRY_WHILE(send_layer({.diff_id = shared.diff_id, .size = shared.size, .open = {}}, to),
                          "sending the layer of '{}'", printable(step.row.text, 80));
  return {};
}

// A result that came from a cache may have its trace there.
void SharedExport::find_trace(ExportedStep& step) {
  if (step.row.trace) return;
  auto found = m_caches.find(step.row.key, step.row.below);
  if (!found || !found->step.trace || !have_same_result(found->step, step.row)) return;
  step.row.trace = found->step.trace;
  step.open_trace = m_caches.opener(*found, found->step.trace->blob, &m_stop);
}

// After the layer's own way is decided. A trace that cannot be sent is left out.
Result<> SharedExport::send_trace(Entry& entry) {
  TRY(m_stop.check());
  SharedStep& row = entry.step.row;
  entry.trace_sent = true;
  if (row.trace && !is_trace_worth_it(row, m_caches.estimate())) row.trace.reset();
  if (!row.trace) return {};
  const Result<SharedDocument>& document = m_there.get();
  if (!document) return std::unexpected(document.error());
  for (const SharedStep& there : document->rows.steps) {
    if (!there.trace) continue;
    const bool is_same = there.key == row.key && there.below == row.below && have_same_result(there, row);
    if (is_same) row.trace = there.trace;
    if (there.trace->blob.digest == row.trace->blob.digest) return {};
  }
  const oci::Descriptor& blob = row.trace->blob;
  const auto sent = send_once(blob.digest.to_string(), [&]() -> Result<oci::Descriptor> {
    oci::ImageDestination& to = *TRY(destination());
    TRY(oci::copy_blob(blob, entry.step.open_trace, to, m_observer, &m_stop));
    return blob;
  });
  entry.step.open_trace = nullptr;
  if (sent) return {};
  TRY(m_stop.check());
  log::debug("the trace of '{}' is not sent: {}", printable(row.text, 80), sent.error().message());
  row.trace.reset();
  return {};
}

// Two steps may have the same layer: one sends it, the other waits.
Result<oci::Descriptor> SharedExport::send_once(const std::string& digest, const Send& send) {
  std::promise<Result<oci::Descriptor>> sent;
  std::shared_future<Result<oci::Descriptor>> by_another;
  {
    const std::scoped_lock lock(m_mutex);
    const auto [known, is_new] = m_sent.try_emplace(digest);
    if (is_new) {
      known->second = sent.get_future().share();
    } else {
      by_another = known->second;
    }
  }
  if (by_another.valid()) return by_another.get();
  auto result = send();
  sent.set_value(result);
  return result;
}

Result<oci::Descriptor> SharedExport::send_layer(oci::PlainLayer layer, oci::ImageDestination& to) {
  return send_once(layer.diff_id.digest.to_string(),
                   [&]() -> Result<oci::Descriptor> { return upload_layer(std::move(layer), to); });
}

Result<oci::Descriptor> SharedExport::upload_layer(oci::PlainLayer layer, oci::ImageDestination& to) {
  const oci::Descriptor plain{.media_type = std::string(oci::media_type::k_layer),
                              .digest = layer.diff_id.digest,
                              .size = layer.size};
  if (!layer.open) layer.open = [this, plain] { return m_workshop.blobs().open_blob(plain); };
  auto uploaded = TRY(
      oci::upload_layer(m_workshop.blobs(), *m_packed, layer, m_target.compression, to, m_observer, &m_stop));
  if (uploaded.outcome == oci::BlobOutcome::copied)
    m_caches.estimate().add(uploaded.blob.size, uploaded.seconds);
  return std::move(uploaded.blob);
}

// Nothing runs any more, so that all rows are known: what a layer carries counts for it.
Result<> SharedExport::upload_postponed() {
  std::vector<ChainStep> chain;
  for (const Entry& entry : m_entries) {
    const SharedStep& row = entry.step.row;
    chain.push_back({.layer = row.layer ? row.layer->diff_id.digest.to_string() : "",
                     .below = row.below,
                     .seconds = row.seconds});
  }
  const ChainTimes times(chain);
  std::vector<std::future<Result<>>> tasks;
  for (Entry& entry : m_entries) {
    if (!entry.postponed) continue;
    SharedStep& row = entry.step.row;
    const std::uint64_t size = row.layer->blob ? row.layer->blob->size : packed_guess(row.layer->size);
    double worth = row.seconds;
    if (!entry.step.repeats_exactly) worth += times.seconds_above(row.layer->diff_id.digest.to_string());
    if (entry.step.needs_stages || worth > m_caches.estimate().seconds_for(size)) {
      tasks.push_back(m_pool.submit([this, &entry] { return upload(entry); }));
    } else {
      row.layer->blob.reset();
    }
  }
  return ended(tasks);
}

// What has not left while the build went on.
Result<> SharedExport::send_traces() {
  std::vector<std::future<Result<>>> tasks;
  for (Entry& entry : m_entries) {
    if (entry.step.wants_trace && !entry.trace_sent)
      tasks.push_back(m_pool.submit([this, &entry] { return send_trace(entry); }));
  }
  return ended(tasks);
}

Result<> SharedExport::add_mount(const ExportedMount& mount, const GuardedSecrets& secrets,
                                 const SharedCaches::Note& note) {
  const auto& known = m_there.get()->rows.mounts;
  const auto there = std::ranges::find(known, mount.id, &SharedMount::id);
  if (there != known.end()) m_used_mounts.insert(mount.id);
  if (there != known.end() && !mount.changed) return {};
  if (!mount.unknown_secret.empty())
    return fail(ErrorKind::denied, "nobody gave the secret '{}', which it may hold",
                printable(mount.unknown_secret));
  const auto packable =
      TRY(open_cache_mount(mount.directory, secrets, m_stop, [&] { note(waiting_for_cache(mount.id)); }));
  if (!packable) return {};
  if (there != known.end() && there->diff_id == packable->layer.diff_id) return {};
  oci::ImageDestination& to = *TRY(destination());
  const oci::Descriptor blob = TRY(send_layer(packable->layer, to));
  m_rows.mounts.push_back({.id = mount.id,
                           .diff_id = packable->layer.diff_id,
                           .size = packable->layer.size,
                           .blob = blob,
                           .used = m_today});
  return {};
}

SharedRows SharedExport::merged_with(const SharedRows& there) const {
  SharedRows rows = merge_rows(there, m_rows);
  for (SharedMount& mount : rows.mounts)
    if (m_used_mounts.contains(mount.id)) mount.used = std::max(mount.used, m_today);
  return rows;
}

bool SharedExport::is_current(const SharedRows& there) const {
  // That rows were used today is worth writing once a day.
  return contains_rows(there, m_rows) && merged_with(there) == there;
}

Result<> SharedExport::write_rows(const SharedCaches::Note& note) {
  const Result<SharedDocument>& first = m_there.get();
  if (!first) return std::unexpected(first.error());
  if (is_current(first->rows)) return {};
  SharedDocument there = *first;
  for (int i = 0; i < k_tries; ++i) {
    const auto start = SteadyClock::now();
    there = TRY(read_target(&there));
    if (is_current(there.rows)) return {};
    oci::ImageDestination& to = *TRY(destination());
    if (m_target.exclusive) there = TRY(read_target(&there));
    SharedRows rows = merged_with(there.rows);
    bound_rows(rows, {});
    const auto is_unchanged = [&]() -> Result<bool> {
      return m_target.exclusive || TRY(read_target(&there)).top == there.top;
    };
    const auto written = TRY(write_shared_cache(to, rows, is_unchanged, &m_stop));
    if (!written) continue;
    if (m_target.exclusive) return {};
    TRY(pause_after(SteadyClock::now() - start, m_stop));
    there = SharedDocument{.top = *written, .rows = std::move(rows)};
    there = TRY(read_target(&there));
    if (there.top == *written || contains_rows(there.rows, m_rows)) return {};
  }
  note(fmt::format("others write to the cache '{}' all the time: what this build added may be lost",
                   printable(m_target.place.name)));
  return {};
}

Result<> SharedExport::finish(const std::vector<ExportedMount>& mounts, const GuardedSecrets& secrets,
                              std::shared_ptr<oci::CopyObserver> observer, const SharedCaches::Note& note) {
  m_observer.listen(std::move(observer));
  const auto send = [&]() -> Result<> {
    std::optional<Error> failure;
    for (Entry& entry : m_entries) {
      auto result = entry.task.get();
      if (!result && !failure) failure = std::move(result).error();
    }
    if (failure) return std::unexpected(std::move(*failure));
    if (const Result<SharedDocument>& there = m_there.get(); !there) return std::unexpected(there.error());
    TRY(upload_postponed());
    TRY(send_traces());
    for (const ExportedMount& mount : mounts) {
      auto added = add_mount(mount, secrets, note);
      if (!added && (m_stop.cancelled() || added.error().kind() == ErrorKind::network))
        return std::unexpected(std::move(added).error());
      if (!added)
        note(fmt::format("the cache mount '{}' is not exported: {}", printable(mount.id),
                         added.error().message()));
    }
    for (Entry& entry : m_entries) m_rows.steps.push_back(entry.step.row);
    return write_rows(note);
  };
  auto sent = send();
  m_observer.listen(nullptr);
  m_destination.reset();
  if (sent) return {};
  return std::unexpected(
      std::move(sent).error().context(fmt::format("writing the cache '{}'", printable(m_target.place.name))));
}

}  // namespace ecrin::build

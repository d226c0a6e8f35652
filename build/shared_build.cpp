#include "build/shared_build.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/cache_mount.hpp"
#include "build/shared_traces.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_fetches = 6;  // at once

// A secret that the step had when it ran, in another build: nobody can look for it now.
std::string unknown_secret(const Session& session, const recipes::RunStep& run) {
  if (session.options.allow_secret_in_layer) return "";
  const auto unknown = std::ranges::find_if(run.mounts, [&](const recipes::Mount& mount) {
    return mount.type == recipes::Mount::Type::secret && !session.secrets.has(mount.id);
  });
  return unknown == run.mounts.end() ? "" : unknown->id;
}

}  // namespace

SharedBuild::SharedBuild(Session& session, LayerHasher& hasher, SharedCaches::Note note)
    : m_session(session),
      m_hasher(hasher),
      m_note(std::move(note)),
      m_stop(&session.cancel),
      m_caches(session.workshop, session.options.cache_from, m_note),
      m_added(session.steps.size()),
      m_fetches(session.steps.size()) {}

Result<> SharedBuild::read() {
  if (!m_session.options.no_cache) TRY(m_caches.read(m_stop));
  for (const CacheTarget& target : m_session.options.cache_to)
    m_exports.emplace_back(
        m_session.workshop, target, m_caches,
        [this](const fs::Layer& layer) { return m_hasher.sealed(layer); }, m_session.options.now, m_stop);
  return {};
}

std::vector<SharedBuild::Known> SharedBuild::look_up(const std::vector<std::optional<CachedStep>>& cached,
                                                     const std::vector<StepOutcome>& outcomes) {
  // The uppermost layer of a step's tree: known by its diff ID, or there and not hashed yet.
  struct Top {
    bool known = false;
    std::string diff_id;
    std::optional<fs::Layer> layer = std::nullopt;
  };
  const std::size_t count = m_session.steps.size();
  std::vector<Known> known(count);
  std::vector<Top> tops(count);
  for (std::size_t i = 0; i < count; ++i) {
    const PlanStep& plan = *m_session.steps[i].plan;
    Top below = plan.parent ? tops[*plan.parent] : Top{.known = true, .diff_id = ""};
    if (!below.known) continue;
    if (cached[i]) {
      const auto& layer = outcomes[i].layer;
      tops[i] = layer ? Top{.known = true, .diff_id = layer->diff_id, .layer = layer} : below;
      continue;
    }
    if (!makes_layer(plan)) {
      // It has no result of its own: it is as cached as what it stands on.
      known[i].shared = plan.parent && known[*plan.parent].shared;
      tops[i] = below;
      continue;
    }
    if (!m_caches.has_key(m_session.steps[i].key)) continue;
    if (below.layer && below.diff_id.empty()) {
      const auto sealed = m_hasher.sealed(*below.layer);
      if (!sealed) continue;
      below.diff_id = sealed->diff_id;
    }
    auto found = m_caches.find(m_session.steps[i].key, below.diff_id);
    if (!found) continue;
    tops[i] = found->step.layer ? Top{.known = true, .diff_id = found->step.layer->diff_id.digest.to_string()}
                                : below;
    known[i] = {.shared = true, .found = std::move(found)};
    for (auto parent = plan.parent; parent && !cached[*parent] && !known[*parent].shared;
         parent = m_session.steps[*parent].plan->parent)
      known[*parent].shared = true;
  }
  choose_remade(known);
  return known;
}

void SharedBuild::choose_remade(std::vector<Known>& known) {
  std::vector<char> has_followers(known.size(), 0);  // steps that stand on it were found
  for (std::size_t i = known.size(); i-- > 0;) {
    if (!known[i].shared) continue;
    const auto& parent = m_session.steps[i].plan->parent;
    if (parent && (known[i].found || has_followers[i])) has_followers[*parent] = 1;
    known[i].remade = known[i].found && !is_worth_fetching(i, *known[i].found, has_followers[i] != 0);
  }
}

bool SharedBuild::is_worth_fetching(std::size_t index, const SharedCaches::Found& found, bool has_followers) {
  if (!found.step.layer) return true;
  if (!found.step.layer->blob) return false;
  if (needs_stages(*m_session.steps[index].plan)) return true;
  // What a program makes anew may be something else: then all that was made on it is lost too.
  if (has_followers && !repeats_exactly(*m_session.steps[index].plan)) return true;
  return found.step.seconds > m_caches.estimate().seconds_for(found.step.layer->blob->size);
}

void SharedBuild::begin_fetch(std::size_t index, const SharedCaches::Found& found) {
  if (!found.step.layer) return;
  if (!m_pool) m_pool = std::make_unique<ThreadPool>(k_fetches);
  m_fetches[index] = m_pool->submit([this, found] { return m_caches.fetch(found, m_stop); }).share();
}

Result<std::optional<fs::Layer>> SharedBuild::fetched(std::size_t index) {
  const Result<fs::Layer>& layer = m_fetches[index].get();
  if (layer) return *layer;
  TRY(m_stop.check());
  return std::nullopt;
}

Result<bool> SharedBuild::fits(const SharedCaches::Found& found, const std::optional<fs::Layer>& below) {
  const std::string diff_id = below ? TRY(m_hasher.sealed(*below)).diff_id : "";
  return diff_id == found.step.below;
}

SharedStep SharedBuild::row(std::size_t index) const {
  const PreparedStep& step = m_session.steps[index];
  return {.key = step.key,
          .below = "",
          .text = step.plan->text,
          .layer = std::nullopt,
          .inputs = shared_inputs(step.inputs)};
}

// What a step with a secret used is of use in this store only (StepTraces::secret_digest).
bool SharedBuild::exports_trace(std::size_t index) const {
  const auto* run = m_session.steps[index].plan->as<recipes::RunStep>();
  return m_session.options.cache == CacheUse::traced && run &&
         std::ranges::none_of(run->mounts, [](const recipes::Mount& mount) {
           return mount.type == recipes::Mount::Type::secret || mount.type == recipes::Mount::Type::ssh;
         });
}

void SharedBuild::add_trace(ExportedStep& step) const {
  StepTraces traces(m_session.workshop.store().database(), m_session.workshop.layers());
  auto packed = traces.packed(step.row.key);
  if (!packed) log::debug("no trace of '{}': {}", printable(step.row.text, 80), packed.error().message());
  if (!packed || !*packed) return;
  step.row.trace = shared_trace((*packed)->command, (*packed)->bytes);
  step.traced_layer = (*packed)->layer;
  const auto bytes = std::make_shared<const std::string>(std::move((*packed)->bytes));
  step.open_trace = [bytes](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
    return std::make_unique<MemorySource>(bytes->substr(std::min<std::uint64_t>(offset, bytes->size())));
  };
}

void SharedBuild::add(std::size_t index, const Exported& exported) {
  if (m_exports.empty() || m_added[index] || !makes_layer(*m_session.steps[index].plan)) return;
  m_added[index] = 1;
  ExportedStep step{.row = row(index),
                    .layer = exported.outcome.layer,
                    .below = exported.below,
                    .repeats_exactly = repeats_exactly(*m_session.steps[index].plan),
                    .needs_stages = needs_stages(*m_session.steps[index].plan),
                    .wants_trace = exports_trace(index)};
  if (step.wants_trace) add_trace(step);
  step.row.bytes = exported.outcome.bytes;
  step.row.entries = exported.outcome.entries;
  step.row.seconds = exported.seconds;
  for (SharedExport& to : m_exports) {
    if (exported.in_image || to.target().all_steps) to.add(step);
  }
}

void SharedBuild::add(std::size_t index, const SharedCaches::Found& found, bool in_image) {
  if (m_added[index]) return;
  m_added[index] = 1;
  ExportedStep step{.row = found.step,
                    .layer = std::nullopt,
                    .below = std::nullopt,
                    .repeats_exactly = repeats_exactly(*m_session.steps[index].plan),
                    .needs_stages = needs_stages(*m_session.steps[index].plan),
                    .found = found,
                    .wants_trace = exports_trace(index)};
  if (!step.wants_trace) step.row.trace.reset();
  if (step.row.trace) step.open_trace = m_caches.opener(found, step.row.trace->blob, &m_stop);
  for (SharedExport& to : m_exports) {
    if (in_image || to.target().all_steps) to.add(step);
  }
}

std::vector<ExportedMount> SharedBuild::mounts(const std::vector<char>& ran,
                                               const std::vector<char>& in_image, bool all_steps) const {
  std::vector<ExportedMount> mounts;
  for (std::size_t i = 0; i < m_session.steps.size(); ++i) {
    const auto* run = m_session.steps[i].plan->as<recipes::RunStep>();
    if (!run || (!all_steps && !in_image[i])) continue;
    const std::string unknown = ran[i] ? "" : unknown_secret(m_session, *run);
    for (const recipes::Mount& mount : run->mounts) {
      if (mount.type != recipes::Mount::Type::cache || mount.sharing == recipes::Mount::Sharing::private_copy)
        continue;
      const std::string id = cache_mount_id(*m_session.steps[i].before, mount);
      const auto known = std::ranges::find(mounts, id, &ExportedMount::id);
      if (known != mounts.end()) {
        known->changed = known->changed || ran[i];
        if (known->unknown_secret.empty()) known->unknown_secret = unknown;
        continue;
      }
      mounts.push_back({.id = id,
                        .directory = m_session.workshop.store().path() + "/" + cache_directory(id),
                        .changed = ran[i] != 0,
                        .unknown_secret = unknown});
    }
  }
  return mounts;
}

std::optional<Error> SharedBuild::finish(const std::vector<char>& ran, const std::vector<char>& in_image) {
  std::optional<Error> failure;
  // Of all steps: commit_image() has read those of cached ones too.
  GuardedSecrets secrets;
  if (!m_session.options.allow_secret_in_layer) secrets = m_session.secrets.guarded();
  for (SharedExport& to : m_exports) {
    const CacheTarget& target = to.target();
    std::shared_ptr<oci::CopyObserver> observer;
    if (m_session.options.watch_transfers) observer = m_session.options.watch_transfers();
    auto finished =
        to.finish(target.mounts ? mounts(ran, in_image, target.all_steps) : std::vector<ExportedMount>{},
                  secrets, std::move(observer), m_note);
    if (finished) continue;
    if (target.ignore_error && finished.error().kind() != ErrorKind::cancelled) {
      m_note(fmt::format("the cache '{}' was not written: {}", printable(target.place.name),
                         finished.error().message()));
    } else if (!failure) {
      failure = std::move(finished).error();
    }
  }
  return failure;
}

}  // namespace ecrin::build

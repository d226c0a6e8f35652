#include "tests/unit/build/shared_fixture.hpp"

#include <algorithm>
#include <thread>

#include "base/hash.hpp"
#include "oci/blob_store.hpp"
#include "tests/support/catch.hpp"

namespace ecrin::build::testing {

using namespace recipes;

namespace {

class MemorySide final : public oci::ImageSource, public oci::ImageDestination {
public:
  MemorySide(MemoryPlace& at, std::optional<oci::RawManifest> top) : m_at(at), m_top(std::move(top)) {}
  std::string name() const override { return "memory"; }
  Result<oci::RawManifest> manifest(const std::optional<oci::Descriptor>& instance,
                                    const CancelToken*) override {
    if (!instance) return *m_top;
    const std::scoped_lock lock(m_at.mutex);
    return m_at.manifests.at(instance->digest);
  }
  Result<std::unique_ptr<Source>> blob(const oci::Descriptor& descriptor, std::uint64_t offset,
                                       const CancelToken* cancel) override {
    const std::scoped_lock lock(m_at.mutex);
    if (m_at.failure) return std::unexpected(*m_at.failure);
    const auto found = m_at.blobs.find(descriptor.digest);
    if (found == m_at.blobs.end()) return fail(ErrorKind::not_found, "no blob");
    if (oci::media_type::is_layer(descriptor.media_type)) ++m_at.fetched;
    if (descriptor.media_type == k_cache_trace_type) ++m_at.traces_fetched;
    std::string bytes = found->second.substr(offset);
    if (m_at.change_layer && oci::media_type::is_layer(descriptor.media_type))
      return m_at.change_layer(std::move(bytes), cancel);
    return std::make_unique<MemorySource>(std::move(bytes));
  }
  Result<oci::Presence> find_blob(const oci::Descriptor& descriptor, const CancelToken*) override {
    const std::scoped_lock lock(m_at.mutex);
    return m_at.blobs.contains(descriptor.digest) ? oci::Presence::present : oci::Presence::absent;
  }
  Result<> put_blob(const oci::Descriptor& descriptor, const oci::BlobOpener& open, const oci::BlobContext&,
                    const CancelToken*) override {
    const auto source = oci::verified_source(TRY(open(0)), descriptor.digest, descriptor.size);
    std::string bytes = TRY(read_all(*source, 1u << 30));
    const bool is_layer = oci::media_type::is_layer(descriptor.media_type);
    if (m_at.before_rows && descriptor.media_type == k_cache_rows_type)
      std::exchange(m_at.before_rows, nullptr)();
    const std::scoped_lock lock(m_at.mutex);
    if (m_at.failure) return std::unexpected(*m_at.failure);
    if (is_layer) ++m_at.sent;
    if (descriptor.media_type == k_cache_trace_type) ++m_at.traces_sent;
    m_at.blobs[descriptor.digest] = std::move(bytes);
    return {};
  }
  Result<> put_manifest(const oci::RawManifest& manifest, Place place, const CancelToken*) override {
    const std::scoped_lock lock(m_at.mutex);
    if (place == Place::child) m_at.manifests[manifest.digest] = manifest;
    if (place == Place::top) m_top = manifest;
    return {};
  }
  Result<> commit(const CancelToken*) override {
    const std::scoped_lock lock(m_at.mutex);
    ++m_at.written;
    m_at.top = m_top;
    return {};
  }

private:
  MemoryPlace& m_at;
  std::optional<oci::RawManifest> m_top;
};

}  // namespace

CachePlace MemoryPlace::place() {
  return {.name = name,
          .open_source = [this](const CancelToken*) -> Result<std::unique_ptr<oci::ImageSource>> {
            const std::scoped_lock lock(mutex);
            if (failure) return std::unexpected(*failure);
            if (!top) return fail(ErrorKind::not_found, "nothing there");
            return std::make_unique<MemorySide>(*this, top);
          }};
}

CacheTarget MemoryPlace::target(bool all_steps) {
  return {.place = place(),
          .open_destination = [this](const CancelToken*) -> Result<std::unique_ptr<oci::ImageDestination>> {
            return std::make_unique<MemorySide>(*this, std::nullopt);
          },
          .all_steps = all_steps};
}

void MemoryPlace::write(const SharedRows& rows) {
  MemorySide side(*this, std::nullopt);
  REQUIRE(write_shared_cache(
      side, rows, []() -> Result<bool> { return true; }, nullptr));
}

SharedRows MemoryPlace::rows() {
  auto document = read_shared_cache(*place().open_source(nullptr).value(), nullptr, nullptr);
  REQUIRE(document);
  return std::move(document->rows);
}

namespace {

Result<std::optional<fs::ImageTrace>> trace_of_script(Session& session, const StepScope& scope,
                                                      const std::string& script) {
  if (session.options.cache != CacheUse::traced || scope.below.layers.empty()) return std::nullopt;
  fs::ImageUsage usage;
  if (const std::size_t uses = script.find("uses "); uses != std::string::npos) {
    usage.found = {sha256_hex(script.substr(uses + 5))};
    usage.read = usage.found;
  }
  const auto view =
      TRY(fs::open_image_view(distinct_layer_paths(session.workshop, scope.below.layers), &scope.stop));
  return TRY(fs::trace_usage(usage, *view, fs::content_digest, [](const std::string&) { return 0u; }));
}

}  // namespace

Result<StepOutcome> FakeExecutor::execute(const StepScope& scope) {
  const auto* run = scope.step.plan->as<RunStep>();
  const std::string script = run ? std::get<std::string>(run->command) : "copied";
  {
    const std::scoped_lock lock(m_mutex);
    ran.push_back(script);
  }
  if (m_before) m_before(script);
  if (script.starts_with("slow")) std::this_thread::sleep_for(std::chrono::milliseconds(160));
  auto trace = TRY(trace_of_script(m_session, scope, script));
  if (script.ends_with("nothing")) {
    StepOutcome nothing;
    nothing.trace = std::move(trace);
    return nothing;
  }
  if (script.starts_with("fail")) return ecrin::fail(ErrorKind::system, "'{}' failed", script);
  TRY(m_session.directories(scope.below, scope.stop));
  static int random = 0;
  const std::string content =
      fmt::format("{} {}", scope.below.layers.size(), script.ends_with("random") ? ++random : 0);
  fs::LayerDraft draft = TRY(m_session.workshop.layers().draft());
  const std::string name = sha256_hex(script);
  Fd file = TRY(posix::open_at(draft.diff(), name, O_WRONLY | O_CREAT, 0644));
  TRY(posix::write_full(file, content));
  TRY(posix::set_times_at(draft.diff(), name, {}));
  StepOutcome outcome{TRY(m_session.workshop.layers().publish(std::move(draft))), content.size(), 1};
  outcome.trace = std::move(trace);
  return outcome;
}

Machine::Machine() {
  options.context_directory = scratch.path() + "/context";
  REQUIRE(posix::make_directories(options.context_directory, 0755));
  options.now = 1'000'000'000;
  options.jobs = 3;
  options.explain = true;
}

Built Machine::build(const Recipe& recipe) {
  const CancelToken cancel;
  Session session(*workshop, recipe, options, cancel);
  if (auto prepared = prepare(session); !prepared) return {std::unexpected(prepared.error()), {}, {}};
  FakeExecutor executor(session, before_step);
  Recorder observer;
  auto result = run_build(session, executor, observer);
  std::ranges::sort(executor.ran);
  return {std::move(result), executor.ran, observer};
}

Built Machine::build(const Recipe& recipe, MemoryPlace& cache) {
  options.cache_from = {cache.place()};
  options.cache_to = {cache.target()};
  return build(recipe);
}

Step script(std::string text) {
  return {RunStep{.command = text}, {.line = 7, .column = 1}, "run: " + text};
}
Step env() {
  return {EnvStep{{{"A", "b"}}}, {}, "env: A"};
}
Step copy_from(std::string stage) {
  CopyStep step;
  step.from = stage;
  step.sources = {"/x"};
  step.destination = "/";
  return {step, {}, "copy: from " + stage};
}
Stage stage(std::string name, std::vector<Step> steps) {
  Stage stage;
  stage.name = std::move(name);
  stage.from = FromScratch{};
  stage.steps = std::move(steps);
  return stage;
}
Recipe recipe_of(std::vector<Stage> stages) {
  Recipe recipe;
  recipe.file = "recipe.yaml";
  recipe.stages = std::move(stages);
  return recipe;
}
Recipe single(std::vector<Step> steps) {
  return recipe_of({stage("main", std::move(steps))});
}
bool has_note(const Built& built, std::string_view part) {
  return std::ranges::any_of(built.observer.notes,
                             [&](const std::string& note) { return note.contains(part); });
}

}  // namespace ecrin::build::testing

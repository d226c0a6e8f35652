#include "build/executor.hpp"

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/early_writeback.hpp"
#include "build/layer_hasher.hpp"
#include "run/emulation/platform_support.hpp"
#include "run/user_lookup.hpp"

namespace ecrin::build {

Result<const Fd*> LowerView::root() {
  if (!m_mounted) {
    const std::vector<fs::Layer> layers = TRY(m_session.directories(m_chain, m_stop));
    if (!layers.empty()) {
      m_mount.emplace(TRY(mount_layers(m_session.workshop, layers, Access::looking)));
      m_root = TRY(posix::open(m_mount->tree->path(), O_RDONLY | O_DIRECTORY));
    }
    m_mounted = true;
  }
  return m_root ? &m_root : nullptr;
}

Result<StepOutcome> publish_first(Session& session, fs::LayerDraft draft, const CancelToken& stop) {
  fs::LowerTree nothing;
  return publish_changes(session, std::move(draft), nothing, {}, stop);
}

Result<fs::LowerTree> lower_tree(Session& session, const StepScope& scope) {
  const std::vector<fs::Layer> layers = TRY(session.directories(scope.below, scope.stop));
  return fs::LowerTree::of_layers(distinct_layer_paths(session.workshop, layers));
}

Result<StepOutcome> publish_changes(Session& session, fs::LayerDraft draft, fs::LowerTree& lower,
                                    std::vector<std::string> own_mount_points, const CancelToken& stop,
                                    const GuardedSecrets& secrets) {
  fs::CanonicalOptions options;
  options.epoch = session.time.clamp;
  options.own_mount_points = std::move(own_mount_points);
  const fs::ChangesetSummary summary = TRY(fs::canonicalise(draft.diff(), lower, options, &stop));
  if (summary.empty()) return StepOutcome{};
  std::optional<HashedLayer> hashed;
  if (!secrets.empty()) hashed = TRY(hash_layer(draft.diff(), secrets, &stop));
  fs::Layer layer = TRY(session.workshop.layers().publish(std::move(draft)));
  if (hashed) layer = TRY(session.workshop.layers().seal(layer.id, hashed->diff_id, hashed->size));
  return StepOutcome{std::move(layer), summary.bytes, summary.entries};
}

Result<OtherTree> mount_other(Session& session, const StepScope& scope, const std::string& name,
                              Access access) {
  OtherTree tree;
  const LayerChain chain = chain_of_input(scope.step, name, scope.chain_of);
  const auto layers = TRY(session.directories(chain, scope.stop));
  tree.mount.emplace(TRY(mount_layers(session.workshop, layers, access)));
  tree.root = TRY(posix::open(tree.mount->tree->path(), O_RDONLY | O_DIRECTORY));
  return tree;
}

Result<std::pair<uid_t, gid_t>> find_owner(const std::string& owner, LowerView& lower) {
  if (owner.empty()) return std::pair<uid_t, gid_t>{0, 0};
  const bool only_numbers = owner.find_first_not_of("0123456789:") == std::string::npos;
  Fd nothing;
  const Fd* root = nullptr;
  if (!only_numbers) {
    root = TRY(lower.root());
    if (!root) {
      auto error = Error(ErrorKind::not_found,
                         fmt::format("cannot look up the owner '{}': there is no /etc/passwd below this step",
                                     printable(owner)));
      return std::unexpected(std::move(error).hint("give the owner in numbers: 1000:1000"));
    }
  }
  const run::Owner found = TRY(run::look_up_owner(root ? *root : nothing, owner));
  return std::pair{found.uid, found.gid};
}

Result<CopyOptions> target_options(const Session& session, const TargetWords& words, LowerView& lower,
                                   UpperTree& upper) {
  CopyOptions options;
  options.owner = TRY(find_owner(words.owner, lower));
  options.mode = words.mode;
  if (!words.mode_change.empty()) options.mode_change = TRY(ModeChange::parse(words.mode_change));
  if (!session.options.current_time) options.mtime = file_time(session);
  upper.make_directories_with(words.mode.value_or(0755), options.owner);
  return options;
}

struct timespec file_time(const Session& session) {
  return {.tv_sec = session.time.clamp == INT64_MAX ? session.options.now : session.time.clamp, .tv_nsec = 0};
}

namespace {

class RealExecutor final : public StepExecutor {
public:
  explicit RealExecutor(Session& session)
      : m_session(session), m_networks(session.workshop.options().search_path) {}

  Result<> check(const PreparedStep& step) override {
    if (step.plan->as<recipes::RunStep>() || step.plan->from_as<recipes::FromBootstrap>())
      TRY(run::support_platform(step.platform, m_session.workshop.options().search_path));
    return {};
  }

  Result<StepOutcome> execute(const StepScope& scope) override {
    std::call_once(m_writes_early, [this] { write_early(); });
    const PlanStep& step = *scope.step.plan;
    if (const auto* run = step.as<recipes::RunStep>()) return execute_run(m_session, m_networks, scope, *run);
    if (const auto* copy = step.as<recipes::CopyStep>()) return execute_copy(m_session, scope, *copy);
    if (const auto* add = step.as<recipes::AddStep>()) return execute_add(m_session, scope, *add);
    if (const auto* write = step.as<recipes::WriteStep>()) return execute_write(m_session, scope, *write);
    if (const auto* workdir = step.as<recipes::WorkdirStep>())
      return execute_workdir(m_session, scope, *workdir);
    if (const auto* rootfs = step.from_as<recipes::FromRootfs>())
      return execute_rootfs(m_session, scope, *rootfs);
    if (const auto* bootstrap = step.from_as<recipes::FromBootstrap>()) {
      return execute_bootstrap(m_session, scope, *bootstrap);
    }
    return StepOutcome{};
  }

private:
  void write_early() {
    if (auto directory = m_session.workshop.store().temporary()) m_writeback.emplace(std::move(*directory));
  }

  Session& m_session;
  StepNetworks m_networks;
  std::once_flag m_writes_early;
  std::optional<EarlyWriteback> m_writeback;
};

}  // namespace

std::unique_ptr<StepExecutor> make_executor(Session& session) {
  return std::make_unique<RealExecutor>(session);
}

}  // namespace ecrin::build

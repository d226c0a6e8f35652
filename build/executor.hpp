// The real StepExecutor's parts. Internal to build/.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "build/session.hpp"
#include "build/upper_tree.hpp"
#include "fs/lower_tree.hpp"
#include "run/container.hpp"
#include "run/network/network.hpp"

namespace ecrin::build {

/// The merged tree below a step, mounted when it is first needed to read in it; not at all where nothing is
/// below.
class LowerView {
public:
  LowerView(Session& session, const LayerChain& chain, const CancelToken& stop)
      : m_session(session), m_chain(chain), m_stop(stop) {}
  /// nullptr: there is no layer below.
  Result<const Fd*> root();

private:
  Session& m_session;
  const LayerChain& m_chain;
  const CancelToken& m_stop;
  bool m_mounted = false;
  std::optional<TreeMount> m_mount;
  Fd m_root;  // after the mount, so that it is closed before
};

/// Makes what a step left canonical and publishes it; nothing when the step changed nothing. A layer that
/// holds one of `secrets` is not published: it is hashed before anybody sees it.
Result<StepOutcome> publish_changes(Session& session, fs::LayerDraft draft, fs::LowerTree& lower,
                                    std::vector<std::string> own_mount_points, const CancelToken& stop,
                                    const GuardedSecrets& secrets = {});
/// Of a step that nothing is below.
Result<StepOutcome> publish_first(Session& session, fs::LayerDraft draft, const CancelToken& stop);
/// The tree below a step without a mount: for what looks up in it and compares with it.
Result<fs::LowerTree> lower_tree(Session& session, const StepScope& scope);

/// The tree of another stage or image as a source.
struct OtherTree {
  std::optional<TreeMount> mount;
  Fd root;
};
Result<OtherTree> mount_other(Session& session, const StepScope& scope, const std::string& name,
                              Access access);

/// Owner ids from "user:group" (names are looked up in the tree below); "" = root.
Result<std::pair<uid_t, gid_t>> find_owner(const std::string& owner, LowerView& lower);

/// What COPY and ADD say about owner and mode. Directories that have to be made on the way take part in it,
/// as docker has it: owner and octal mode are theirs too.
struct TargetWords {
  const std::string& owner;
  const std::optional<std::uint32_t>& mode;
  const std::string& mode_change;
};
Result<CopyOptions> target_options(const Session& session, const TargetWords& words, LowerView& lower,
                                   UpperTree& upper);

/// Private networks for RUN steps. What cannot be had once is not tried again in this build.
class StepNetworks {
public:
  explicit StepNetworks(std::string search_path) : m_pool(std::move(search_path)) {}
  Result<run::NetworkPool::Lease> acquire();

private:
  run::NetworkPool m_pool;
  std::mutex m_mutex;
  std::optional<Error> m_refusal;
};

/// How the program of a RUN step is started and watched by somebody else than a build.
struct StepProgram {
  std::function<Result<>(run::ContainerOptions&)> prepare;    // last changes: streams, a terminal
  std::function<Result<ExitStatus>(run::Container&)> attend;  // until it ends
};
/// A container for the step on its mounted tree, with its mounts, environment and network. `is_traced`: what
/// it uses of files that it mounts is recorded (RunMounts::record_use).
struct ProgramEnd {
  ExitStatus status;
  std::vector<std::string> mount_points;  // that were made for it
  GuardedSecrets secrets;                 // that it saw
  std::uint64_t out_of_memory_kills = 0;
  bool used_network = true;                       // or it was not watched
  std::optional<fs::ImageTrace> used_files = {};  // that it mounted, if that was asked for and is known
};
Result<ProgramEnd> run_program(Session& session, StepNetworks& networks, const StepScope& scope,
                               const recipes::RunStep& run, const TreeMount& mount,
                               const StepProgram* program = nullptr, bool is_traced = false);

/// How a step failed.
struct StepEnd {
  int exit_code = 0;
  std::vector<std::string> mount_points = {};
  GuardedSecrets secrets = {};
};
/// Keeps the tree and all that the step had for `ecrin debug`; scope.failure.kept then names it.
void keep_failed_step(Session& session, const StepScope& scope, const recipes::RunStep& run, TreeMount mount,
                      StepEnd end);

Result<StepOutcome> execute_run(Session& session, StepNetworks& networks, const StepScope& scope,
                                const recipes::RunStep& run);
Result<StepOutcome> execute_copy(Session& session, const StepScope& scope, const recipes::CopyStep& copy);
Result<StepOutcome> execute_add(Session& session, const StepScope& scope, const recipes::AddStep& add);
Result<StepOutcome> execute_write(Session& session, const StepScope& scope, const recipes::WriteStep& write);
Result<StepOutcome> execute_workdir(Session& session, const StepScope& scope,
                                    const recipes::WorkdirStep& workdir);
Result<StepOutcome> execute_rootfs(Session& session, const StepScope& scope,
                                   const recipes::FromRootfs& rootfs);
Result<StepOutcome> execute_bootstrap(Session& session, const StepScope& scope,
                                      const recipes::FromBootstrap& bootstrap);

/// The mtime of files that the tool makes: the epoch.
struct timespec file_time(const Session& session);

}  // namespace ecrin::build

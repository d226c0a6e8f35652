// FROM bootstrap: a root file system out of a distribution's packages, by mmdebstrap, which is root in our
// user namespace. Its tar goes straight into a layer directory.
//
// When it has to run, and the store has a system of this kind, the mirror is asked first which packages there
// would be: if they are those of a system in the store, that one is the result.
#include <algorithm>

#include "base/defer.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/bootstrap_packages.hpp"
#include "build/executor.hpp"
#include "build/mmdebstrap.hpp"
#include "fs/file_owners.hpp"
#include "fs/id_map.hpp"
#include "fs/layer_apply.hpp"
#include "fs/metadata.hpp"
#include "fs/tree.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_needed_ids = 65536;
constexpr std::size_t k_messages_limit = 16u << 20;
constexpr std::uint64_t k_status_limit = 256u << 20;
constexpr const char* k_sources_list = "etc/apt/sources.list";
constexpr const char* k_dpkg_status = "var/lib/dpkg/status";

// What mmdebstrap leaves behind that differs from host to host and run to run, besides what it cleans itself.
constexpr const char* k_left_behind[] = {"etc/resolv.conf", "etc/hostname", "var/log/bootstrap.log",
                                         "var/lib/dpkg/available-old"};

Result<> check_ids() {
  if (fs::owners_are_recorded()) return {};
  const fs::IdMap map = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/uid_map"))));
  if (fs::contiguous_ids(map) >= k_needed_ids) return {};
  auto error =
      Error(ErrorKind::unsupported, "bootstrapping a distribution needs 65536 user ids, and there are fewer");
  return std::unexpected(std::move(error).hint("add ranges for this user to /etc/subuid and /etc/subgid"));
}

// apt gives them to a user of its own when that one can get to them, which depends on the host.
constexpr const char* k_of_root[] = {"var/cache/apt/archives/partial", "var/lib/apt/lists/partial"};

Result<> tidy(const Fd& tree) {
  for (const std::string path : k_of_root) {
    const std::size_t slash = path.rfind('/');
    const auto directory =
        posix::open_beneath_no_symlinks(tree, path.substr(0, slash), O_RDONLY | O_DIRECTORY);
    if (!directory || TRY(posix::exists_at(*directory, path.substr(slash + 1))) == posix::Exists::no)
      continue;
    TRY(fs::set_owner_at(*directory, path.substr(slash + 1), 0, 0));
  }
  for (const char* path : k_left_behind) {
    const std::string text = path;
    const std::size_t slash = text.rfind('/');
    auto directory = posix::open_beneath_no_symlinks(tree, text.substr(0, slash), O_RDONLY | O_DIRECTORY);
    if (!directory) continue;
    auto removed = posix::unlink_at(*directory, text.substr(slash + 1));
    if (!removed && removed.error().code() != ENOENT) return removed;
  }
  // An empty /dev, as other tools' images have it; what belongs there comes with the container.
  if (auto made = posix::mkdir_at(tree, "dev", 0755); made) {
    TRY(posix::chmod_at(tree, "dev", 0755));
  } else if (made.error().code() == EEXIST) {
    TRY(fs::clear_directory(TRY(posix::open_beneath_no_symlinks(tree, "dev", O_RDONLY | O_DIRECTORY))));
  } else {
    return made;
  }
  return {};
}

Result<std::string> read_in(const Fd& tree, const char* path, std::uint64_t limit) {
  return posix::read_fd(TRY(posix::open_beneath_no_symlinks(tree, path, O_RDONLY)), limit);
}

class Bootstrap {
public:
  Bootstrap(Session& session, const StepScope& scope, const recipes::FromBootstrap& bootstrap)
      : m_session(session), m_scope(scope), m_bootstrap(bootstrap) {}

  Result<StepOutcome> run() {
    m_family = bootstrap_family(m_scope.step.inputs);
    const Fd temporary = TRY(m_session.workshop.store().temporary());
    const std::string work = "bootstrap-" + Store::unique_name();
    TRY(posix::mkdir_at(temporary, work, 0755));
    const Defer remove_work([&] {
      if (auto removed = fs::remove_tree(temporary, work); !removed) {
        log::debug("cannot remove '{}': {}", work, removed.error().message());
      }
    });
    m_work = m_session.workshop.store().temporary_path() + "/" + work;
    if (TRY(m_session.cache->has_family(m_family))) {
      if (auto known = TRY(find_known())) return std::move(*known);
    }
    return install();
  }

private:
  /// The packages as the mirror has them now; empty when it does not say. That is no error here: installing
  /// them will tell what is wrong.
  Result<KeyInputs> resolve() {
    std::string messages;
    const auto hear = [&](std::string_view text) {
      if (messages.size() < k_messages_limit) messages += text;
    };
    const auto running =
        TRY(Mmdebstrap::start(m_session, m_scope, m_bootstrap, Mmdebstrap::Task::simulate, m_work, hear));
    NullSink nothing;
    if (const auto copied = copy_stream(*running, nothing); !copied) {
      running->kill();
      return std::unexpected(copied.error());
    }
    const ExitStatus status = TRY(running->end());
    if (status.success() && messages.size() < k_messages_limit) return simulated_packages(messages);
    log::debug("mmdebstrap's simulation ended with {}: {}", status.to_string(),
               printable(running->last_error()));
    return KeyInputs{};
  }

  Result<std::optional<StepOutcome>> find_known() {
    KeyInputs packages = TRY(resolve());
    if (packages.empty()) return std::nullopt;
    const std::string key = bootstrap_key(m_family, packages);
    const auto recorded = TRY(m_session.cache->inputs_of(key));
    auto found = TRY(m_session.cache->find({{key, std::nullopt}}));
    if (!recorded || !found.front() || !found.front()->layer) return std::nullopt;
    CachedStep& known = *found.front();
    const std::string& sources = m_scope.step.bootstrap_sources;
    const auto made_from = recorded->find("sources");
    if (!made_from) return std::nullopt;
    StepOutcome outcome;
    if (*made_from == sources) {
      outcome = {std::move(known.layer), known.bytes, known.entries};
    } else if (auto other = TRY(with_other_sources(*known.layer, std::string(*made_from)))) {
      outcome = std::move(*other);
    } else {
      return std::nullopt;
    }
    m_scope.output(fmt::format("the {} packages are those of a system in the store: nothing is installed\n",
                               packages.size()));
    outcome.found = std::move(packages);
    return outcome;
  }

  /// The same system with the sources that this one is to have. Nothing when it is not known what would be
  /// written there.
  Result<std::optional<StepOutcome>> with_other_sources(const fs::Layer& layer, const std::string& before) {
    const std::string& now = m_scope.step.bootstrap_sources;
    const Fd known = TRY(m_session.workshop.layers().open_layer(layer));
    const auto text = read_in(known, k_sources_list, k_messages_limit);
    if (before.empty() || now.empty() || !text || *text != before) return std::nullopt;
    fs::LayerDraft draft = TRY(m_session.workshop.layers().draft());
    TRY(fs::copy_tree(known, draft.diff(), fs::Hardlinks::keep));
    if (TRY(fs::has_root_mark(known))) {
      TRY(fs::set_root_metadata(draft.diff(), TRY(fs::root_metadata(known))));
      TRY(fs::put_root_mark(draft.diff(), fs::RootMark::present));
    }
    {
      Fd file = TRY(posix::open_beneath_no_symlinks(draft.diff(), k_sources_list, O_WRONLY | O_TRUNC));
      TRY(posix::write_full(file, std::string_view(now)));
      TRY(file.close());
    }
    return TRY(publish_first(m_session, std::move(draft), m_scope.stop));
  }

  Result<StepOutcome> install() {
    const auto running = TRY(Mmdebstrap::start(m_session, m_scope, m_bootstrap, Mmdebstrap::Task::install,
                                               m_work, m_scope.output));
    fs::LayerDraft draft = TRY(m_session.workshop.layers().draft());
    auto applied = fs::apply_layer(std::make_unique<BorrowedSource>(*running), draft.diff(),
                                   fs::ApplyForm::plain_tree, {}, &m_scope.stop);
    if (!applied && applied.error().kind() == ErrorKind::cancelled) {
      running->kill();
      return std::unexpected(std::move(applied).error());
    }
    const ExitStatus status = TRY(running->end());
    if (!status.success()) {
      // An archive that ends early is its consequence, not the cause.
      return fail(ErrorKind::system, "mmdebstrap ended with {}{}", status.to_string(),
                  running->last_error().empty() ? "" : ": " + printable(running->last_error()));
    }
    if (!applied) {
      return std::unexpected(std::move(applied).error().context("unpacking what mmdebstrap made"));
    }
    TRY(tidy(draft.diff()));
    const auto dpkg_status = read_in(draft.diff(), k_dpkg_status, k_status_limit);
    auto packages = dpkg_status ? installed_packages(*dpkg_status) : std::nullopt;
    StepOutcome outcome = TRY(publish_first(m_session, std::move(draft), m_scope.stop));
    if (packages) TRY(record(*packages, outcome));
    if (packages) outcome.found = std::move(*packages);
    return outcome;
  }

  Result<> record(const KeyInputs& packages, const StepOutcome& outcome) {
    KeyInputs inputs = packages;
    inputs.push_back({"sources", m_scope.step.bootstrap_sources});
    return m_session.cache->add({.key = bootstrap_key(m_family, packages),
                                 .layer_id = outcome.layer ? outcome.layer->id : "",
                                 .below_id = "",
                                 .text = m_scope.step.plan->text,
                                 .bytes = outcome.bytes,
                                 .entries = outcome.entries,
                                 .inputs = &inputs},
                                m_session.options.now);
  }

  Session& m_session;
  const StepScope& m_scope;
  const recipes::FromBootstrap& m_bootstrap;
  std::string m_family;
  std::string m_work;
};

}  // namespace

Result<StepOutcome> execute_bootstrap(Session& session, const StepScope& scope,
                                      const recipes::FromBootstrap& bootstrap) {
  TRY(check_ids());
  const std::string& search_path = session.workshop.options().search_path;
  for (const auto& [program, package] : {std::pair{"mmdebstrap", "mmdebstrap"}, {"unshare", "util-linux"}}) {
    if (!find_program(program, search_path).empty()) continue;
    auto error =
        Error(ErrorKind::not_found, fmt::format("cannot bootstrap without the program '{}'", program));
    return std::unexpected(std::move(error).hint(fmt::format("install the package {}", package)));
  }
  return Bootstrap(session, scope, bootstrap).run();
}

}  // namespace ecrin::build

#include "build/reopen_step.hpp"

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/executor.hpp"
#include "build/step_spec.hpp"
#include "run/emulation/platform_support.hpp"

namespace ecrin::build {

namespace {

Result<LayerChain> find_layers(Workshop& workshop, const std::vector<std::string>& ids) {
  LayerChain chain;
  for (const std::string& id : ids) {
    auto layer = TRY(workshop.layers().find_id(id));
    if (!layer) return fail(ErrorKind::not_found, "layer '{}' of the step is no longer in the store", id);
    chain.layers.push_back(std::move(*layer));
  }
  return chain;
}

// The words before a script; of an interpreter that is no shell it is just as useful to have it open.
std::vector<std::string> shell_of(const StepSpec& spec) {
  return {spec.shell.empty() ? "/bin/sh" : spec.shell.front()};
}

class Reopening {
public:
  Reopening(Workshop& workshop, const KeptStep& step, StepSpec spec, const ReopenRequest& request,
            const CancelToken& cancel)
      : m_kept(step),
        m_spec(std::move(spec)),
        m_request(request),
        m_session(workshop, m_recipe, m_options, cancel) {
    m_options = request.options;
    m_options.network = m_spec.network;
    m_options.run = with_more(std::move(m_spec.settings), request.options.run);
    if (!m_options.context_directory.empty()) return;  // of the build that has just failed
    m_options.context_directory = m_spec.context_directory;
    m_options.recipe_file = m_spec.recipe_file;
    m_options.ignore_file = m_spec.ignore_file;
  }
  Result<ExitStatus> run();

private:
  Result<> open_context();
  void drop_secrets();
  void drop_volumes();
  Result<> select_binds();

  const KeptStep& m_kept;
  StepSpec m_spec;
  const ReopenRequest& m_request;
  recipes::Recipe m_recipe;
  BuildOptions m_options;
  Session m_session;
  PlanStep m_plan;
  PreparedStep m_step;
};

// They were never written down: whoever has them may give them again.
void Reopening::drop_secrets() {
  std::erase_if(m_spec.run.mounts, [&](const recipes::Mount& mount) {
    if (mount.type == recipes::Mount::Type::ssh) {
      const std::string id = mount.id.empty() ? "default" : mount.id;
      if (m_session.ssh_agents.has(id)) return false;
      m_request.note(fmt::format("the ssh-agent '{}' is not here any more: give it with --ssh {}",
                                 printable(id), id == "default" ? id : printable(id) + "=SOCKET"));
      return true;
    }
    if (mount.type != recipes::Mount::Type::secret) return false;
    const auto& given = m_options.secrets;
    if (std::ranges::find(given, mount.id, &Secret::id) != given.end()) return false;
    m_request.note(fmt::format("the secret '{}' is not here any more: give it with --secret id={},src=FILE",
                               printable(mount.id), printable(mount.id)));
    return true;
  });
}

// Of the host, as they are now.
void Reopening::drop_volumes() {
  std::erase_if(m_options.run.mounts, [&](const oci::RuntimeMount& mount) {
    const auto opened = posix::open(mount.source, O_PATH);
    if (opened) return false;
    m_request.note(
        fmt::format("'{}' is left out: {}", printable(mount.destination), opened.error().message()));
    return true;
  });
}

// The context is what it is now.
Result<> Reopening::open_context() {
  const auto of_context = [](const recipes::Mount& mount) {
    return mount.type == recipes::Mount::Type::bind && mount.from.empty();
  };
  if (std::ranges::none_of(m_spec.run.mounts, of_context)) return {};
  std::string why;
  if (!m_options.context_directory.empty()) {
    auto context = BuildContext::open(m_options.context_directory, m_session.workshop.store().database(),
                                      {.name = "",
                                       .ignore = {m_options.ignore_file, m_options.recipe_file},
                                       .is_temporary = !m_options.context_name.empty()});
    if (context) {
      m_session.context = std::move(*context);
      return {};
    }
    why = ": " + context.error().message();
  }
  m_request.note(fmt::format("mounts of the build's context '{}' are left out, it is not here any more{}",
                             printable(m_kept.context), why));
  std::erase_if(m_spec.run.mounts, of_context);
  return {};
}

Result<> Reopening::select_binds() {
  std::vector<recipes::Mount> mounts;
  for (recipes::Mount& mount : m_spec.run.mounts) {
    if (!mount.from.empty() &&
        std::ranges::find(m_spec.inputs, mount.from, &StepSpec::Input::name) == m_spec.inputs.end()) {
      m_request.note(fmt::format("'{}' is left out: its files came from '{}', outside of the store",
                                 printable(mount.target), printable(mount.from)));
      continue;
    }
    std::optional<Selection> selection;
    if (mount.type == recipes::Mount::Type::bind && mount.from.empty()) {
      const std::string source = mount.source.empty() ? "/" : mount.source;
      auto selected = select_sources(m_session.context->tree(), {source}, {}, &m_session.cancel);
      if (!selected) {
        m_request.note(
            fmt::format("'{}' is left out: {}", printable(mount.target), selected.error().message()));
        continue;
      }
      selection = std::move(*selected);
    }
    m_step.mount_selections.push_back(std::move(selection));
    mounts.push_back(std::move(mount));
  }
  m_spec.run.mounts = std::move(mounts);
  return {};
}

Result<ExitStatus> Reopening::run() {
  TRY(run::support_platform(m_spec.platform, m_session.workshop.options().search_path));
  m_session.time = {.clamp = m_spec.clamp, .created = m_spec.clamp};
  drop_secrets();
  drop_volumes();
  TRY(open_context());
  TRY(select_binds());
  m_spec.run.command = m_request.command.empty() ? shell_of(m_spec) : m_request.command;

  m_plan.what = recipes::StepKind(m_spec.run);
  std::vector<LayerChain> inputs;
  for (const StepSpec::Input& input : m_spec.inputs) {
    m_plan.inputs.push_back({.name = input.name, .stage_step = inputs.size()});
    inputs.push_back(TRY(find_layers(m_session.workshop, input.layers)));
  }
  m_step.plan = &m_plan;
  m_step.platform = m_spec.platform;
  m_step.before = std::make_shared<const oci::ImageConfig>(m_spec.before);
  m_step.shell = m_spec.shell;
  const LayerChain below = TRY(find_layers(m_session.workshop, m_spec.tree));
  StepFailure failure;
  const StepScope scope{.step = m_step,
                        .below = below,
                        .chain_of = [&](std::size_t input) { return inputs.at(input); },
                        .output = [](std::string_view) {},
                        .note = m_request.note,
                        .stop = m_session.cancel,
                        .failure = failure};
  TreeMount mount = TRY(mount_layers(m_session.workshop, below.layers, Access::writable));
  StepNetworks networks(m_session.workshop.options().search_path);
  const StepProgram program{.prepare = m_request.prepare, .attend = m_request.attend};
  const ProgramEnd end = TRY(run_program(m_session, networks, scope, m_spec.run, mount, &program));
  return end.status;
}

}  // namespace

Result<ExitStatus> reopen_step(Workshop& workshop, const KeptStep& step, const ReopenRequest& request,
                               const CancelToken& cancel) {
  auto spec = decode_step(step.spec);
  if (!spec) {
    return fail(ErrorKind::unsupported, "the step '{}' was kept by another version of ecrin, in another form",
                step.id);
  }
  return Reopening(workshop, step, std::move(*spec), request, cancel).run();
}

}  // namespace ecrin::build

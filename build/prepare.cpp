// What is known of each step before anything runs: its config, its inputs, its key.
#include <algorithm>

#include "base/hash.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/base_image.hpp"
#include "build/bootstrap_sources.hpp"
#include "build/fetch.hpp"
#include "build/mode_change.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"
#include "build/session.hpp"
#include "oci/transport.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_settings_limit = 256u << 20;

Result<oci::ImageRecord> find_in_store(oci::ImageStore& images, const std::string& name,
                                       const oci::Platform& platform) {
  const oci::ImageRecord record = TRY(images.find_any(name));
  // An image for another platform is told apart where the recipe's own words are known.
  return record.kind == oci::ImageKind::index ? images.find(name, platform) : images.find(name);
}

class Preparation {
public:
  explicit Preparation(Session& session) : m_session(session) {}
  Result<> add(const PlanStep& step);

private:
  /// The image of this name, or what stands in for it. nullptr: that is a directory, now open.
  Result<ImagePointer> find_base(const std::string& name, const oci::Platform& platform);
  Result<> open_named(const NamedContext& context, const std::string& name);
  Result<ImagePointer> find_image(const std::string& name, const oci::Platform& platform);
  Result<ImagePointer> import(const std::string& path, const std::string& reference,
                              const oci::Platform& platform);
  Result<> prepare_from(PreparedStep& step);
  Result<> count_settings(const PreparedStep& step);
  Result<> prepare_inputs(PreparedStep& step);
  Result<std::string> find_git_commit(const GitSource& source);
  Result<> prepare_add(PreparedStep& step, const recipes::AddStep& add);
  Result<> prepare_mounts(PreparedStep& step, const recipes::RunStep& run);
  Result<Selection> select(PreparedStep& step, const std::vector<std::string>& sources,
                           const IgnoreRules& exclude);

  Result<Selection> add_selection(PreparedStep& step, BuildContext& context, Selection selection);

  Session& m_session;
  std::map<std::string, ImagePointer> m_images;  // by name and platform
  std::map<std::string, std::string> m_commits;  // by repository, reference and what they must begin with
  std::uint64_t m_settings = 0;                  // bytes of them that are kept for steps
};

Result<ImagePointer> Preparation::find_image(const std::string& name, const oci::Platform& platform) {
  const std::string known_as = name + " for " + platform.to_string();
  if (const auto known = m_images.find(known_as); known != m_images.end()) return known->second;
  oci::ImageStore& images = m_session.workshop.images();
  const oci::ImageRecord record = m_session.options.obtain_image
                                      ? TRY(m_session.options.obtain_image(name, platform, m_session.cancel))
                                      : TRY(find_in_store(images, name, platform));
  auto image = std::make_shared<const oci::Image>(TRY(images.load(record.manifest)));
  m_images[known_as] = image;
  return image;
}

Result<> Preparation::open_named(const NamedContext& context, const std::string& name) {
  if (m_session.named.contains(name)) return {};
  const ContextAccess access{TRY(git_options(m_session)), m_session.options.proxy_environment};
  Session::NamedFiles named;
  named.files = TRY_WHILE(
      open_context(m_session.workshop, context.source, ContextUse::named, access, &m_session.cancel),
      "opening the context '{}'", printable(name));
  named.context =
      TRY(BuildContext::open(named.files.directory, m_session.workshop.store().database(),
                             {.name = name, .ignore = {}, .is_temporary = named.files.is_temporary}));
  m_session.named.emplace(name, std::move(named));
  return {};
}

Result<ImagePointer> Preparation::find_base(const std::string& name, const oci::Platform& platform) {
  const NamedContext* context = find_named_context(m_session.options.named_contexts, name);
  if (!context) return find_image(name, platform);
  if (context->source.kind == ContextSource::Kind::image)
    return find_image(context->source.location, platform);
  if (context->source.kind == ContextSource::Kind::oci_layout)
    return import_layout(m_session.workshop.images(), *context, platform);
  TRY(open_named(*context, name));
  return nullptr;
}

Result<ImagePointer> Preparation::import(const std::string& path, const std::string& reference,
                                         const oci::Platform& platform) {
  TRY(m_session.need_context());
  BuildContext* context = m_session.context.get();
  const RootPath found = TRY(resolve_in_root(context->root(), path));
  if (!found.status) return fail(ErrorKind::not_found, "there is no '{}' in the context", printable(path));
  oci::ImageStore& images = m_session.workshop.images();
  // Everything in a layout is named by digests, beginning with its index: while that is the same, so is the
  // image.
  struct stat status = *found.status;
  if (S_ISDIR(status.st_mode)) {
    const RootPath index = TRY(resolve_in_root(context->root(), join_path(found.path, "index.json")));
    if (index.status) status = *index.status;
  }
  const std::string question = fmt::format("image {}\n{}\n{}", found.path, reference, platform.to_string());
  if (const auto known = TRY(context->remembered(question, status))) {
    // Found and held, or collected since.
    if (const auto record = images.find(*known)) {
      return std::make_shared<const oci::Image>(TRY(images.load(record->manifest)));
    }
  }
  oci::ImportOptions options;
  options.reference = reference;
  options.platform = platform;
  options.keep_names = false;
  const auto records = TRY(oci::import_images(images, join_path(context->directory(), found.path), options));
  if (records.empty()) return fail(ErrorKind::not_found, "there is no image in '{}'", printable(path));
  context->remember(question, status, records.front().manifest.to_string());
  return std::make_shared<const oci::Image>(TRY(images.load(records.front().manifest)));
}

Result<> Preparation::prepare_from(PreparedStep& step) {
  const recipes::Stage& stage = *m_session.plan.stages[step.plan->stage].stage;
  if (const StartingTree* start = m_session.start_of(*step.plan)) {
    step.base = start->base;
    step.before = std::make_shared<const oci::ImageConfig>(start->config);
    step.after = step.before;
    step.shell = start->shell;
    return {};
  }
  ImagePointer base;
  oci::ImageConfig config;
  if (step.plan->from_as<recipes::FromStage>()) {
    const PreparedStep& parent = m_session.steps[*step.plan->parent];
    config = *parent.after;
    step.base = parent.base;
  } else if (const auto* image = step.plan->from_as<recipes::FromImage>()) {
    base = TRY(find_base(image->reference, step.platform));
  } else if (const auto* layout = step.plan->from_as<recipes::FromOciLayout>()) {
    base = TRY(import(layout->directory, layout->reference, step.platform));
  } else if (const auto* archive = step.plan->from_as<recipes::FromArchive>()) {
    base = TRY(import(archive->file, archive->reference, step.platform));
  } else if (const auto* rootfs = step.plan->from_as<recipes::FromRootfs>()) {
    if (!is_url(rootfs->location)) {
      TRY(m_session.need_context());
      auto [entry, digest] = TRY(m_session.context->file(rootfs->location, &m_session.cancel));
      if (!rootfs->sha256.empty() && rootfs->sha256 != digest) {
        return fail(ErrorKind::invalid, "'{}' has the SHA-256 {}, but the recipe says {}",
                    printable(rootfs->location), digest, rootfs->sha256);
      }
      // Under the same name as a checksum in the recipe: the same bytes are the same base.
      step.inputs.replace("sha256", digest);
      step.selection.items.push_back({.named = rootfs->location, .entries = {std::move(entry)}});
    }
  } else if (const auto* bootstrap = step.plan->from_as<recipes::FromBootstrap>()) {
    step.bootstrap_sources = TRY(bootstrap_sources(*bootstrap));
    step.inputs.push_back({"sources", step.bootstrap_sources});
  }
  if (base) {
    if (!step.platform.accepts(base->config.platform)) {
      m_session.notes.push_back(fmt::format("'{}' is an image for {}, not for {}", step.plan->text.substr(6),
                                            printable(base->config.platform.to_string(), 100),
                                            step.platform.to_string()));
    }
    step.base = base;
    config = base->config;
    config.diff_ids.clear();
    config.history.clear();
    step.inputs.push_back({"image", diff_ids_input(base->config)});
  }
  config.platform = base ? base->config.platform : step.platform;
  // Triggers are for the stage that begins here; a front end has made steps of them.
  config.on_build.clear();
  step.shell = first_shell(stage, config);
  step.before = std::make_shared<const oci::ImageConfig>(std::move(config));
  step.after = step.before;
  return {};
}

Result<Selection> Preparation::select(PreparedStep& step, const std::vector<std::string>& sources,
                                      const IgnoreRules& exclude) {
  TRY(m_session.need_context());
  BuildContext& context = *m_session.context;
  return add_selection(step, context,
                       TRY(select_sources(context.tree(), sources, exclude, &m_session.cancel)));
}

Result<Selection> Preparation::add_selection(PreparedStep& step, BuildContext& context, Selection selection) {
  note_unmatched(selection, context.tree(),
                 [&](const std::string& note) { m_session.notes.push_back(note); });
  for (const std::string& path : selection.skipped) {
    m_session.notes.push_back(
        fmt::format("'{}' in the context is not copied: it is a special file", printable(path)));
  }
  TRY(context.add_inputs(selection.items, step.inputs, &m_session.cancel));
  return selection;
}

// All stages get the same one, also when somebody pushes meanwhile.
Result<std::string> Preparation::find_git_commit(const GitSource& source) {
  const std::string known_as = source.remote + '\n' + source.reference + '\n' + source.commit;
  if (const auto known = m_commits.find(known_as); known != m_commits.end()) return known->second;
  std::string commit = TRY(find_commit(source, TRY(git_options(m_session)), &m_session.cancel));
  m_commits.emplace(known_as, commit);
  return commit;
}

Result<> Preparation::prepare_add(PreparedStep& step, const recipes::AddStep& add) {
  if (!add.mode_change.empty()) TRY(ModeChange::parse(add.mode_change));
  std::vector<std::string> local;
  std::vector<std::size_t> numbers;  // of the local ones, among all
  for (std::size_t number = 0; number < add.sources.size(); ++number) {
    const std::string& source = add.sources[number];
    if (auto git = TRY(parse_git_source(source))) {
      if (!git->commit.empty() && !add.checksum.empty() && git->commit != to_lower(add.checksum)) {
        return fail(ErrorKind::invalid, "'{}' is to be at the commit {} and at {}", printable(source),
                    git->commit, printable(add.checksum));
      }
      if (!add.checksum.empty()) git->commit = to_lower(add.checksum);
      std::string commit = TRY(find_git_commit(*git));
      step.inputs.push_back({"git " + source, commit});
      step.git[source] = {std::move(*git), std::move(commit)};
    } else if (!is_url(source)) {
      local.push_back(source);
      numbers.push_back(number);
    } else if (add.checksum.empty()) {
      // Only the bytes themselves can tell whether they changed.
      FetchedFile file = TRY(fetch_to_store(m_session, source, "", m_session.cancel));
      step.inputs.push_back({"file " + source, file.sha256});
      step.fetched[source] = std::move(file);
    }
  }
  if (local.empty()) return {};
  const IgnoreRules exclude = TRY_WHILE(IgnoreRules::from_patterns(add.exclude), "reading 'exclude'");
  step.selection = TRY(select(step, local, exclude));
  for (SourceItem& item : step.selection.items) item.source = numbers[item.source];
  return {};
}

Result<> Preparation::prepare_mounts(PreparedStep& step, const recipes::RunStep& run) {
  step.mount_selections.resize(run.mounts.size());
  for (std::size_t i = 0; i < run.mounts.size(); ++i) {
    const recipes::Mount& mount = run.mounts[i];
    // Such a layer is not for builds that would refuse it.
    if (mount.type == recipes::Mount::Type::secret && m_session.options.allow_secret_in_layer)
      step.inputs.push_back({"secret " + mount.id, "may be in the layer"});
    if (mount.type != recipes::Mount::Type::bind || !mount.from.empty()) continue;
    if (has_wildcard(mount.source)) {
      return fail(ErrorKind::invalid, "the source '{}' of a mount cannot have wildcards",
                  printable(mount.source));
    }
    step.mount_selections[i] = TRY(select(step, {mount.source.empty() ? "/" : mount.source}, {}));
  }
  return {};
}

Result<> Preparation::prepare_inputs(PreparedStep& step) {
  for (const StepInput& input : step.plan->inputs) {
    if (input.stage_step) {
      step.inputs.push_back({"stage " + input.name, m_session.steps[*input.stage_step].tree_key});
    } else {
      const ImagePointer image = TRY(find_base(input.name, step.platform));
      if (!image) continue;
      step.inputs.push_back({"image " + input.name, diff_ids_input(image->config)});
      step.images[input.name] = image;
    }
  }
  if (const auto* copy = step.plan->as<recipes::CopyStep>()) {
    if (!copy->mode_change.empty()) TRY(ModeChange::parse(copy->mode_change));
    if (copy->sources.empty() || !TRY(m_session.files_of(copy->from))) return {};
    BuildContext& files = copy->from.empty() ? *m_session.context : *m_session.named.at(copy->from).context;
    step.selection =
        TRY(add_selection(step, files, TRY(select_for_copy(files.tree(), *copy, &m_session.cancel))));
  } else if (const auto* add = step.plan->as<recipes::AddStep>()) {
    TRY(prepare_add(step, *add));
  } else if (const auto* run = step.plan->as<recipes::RunStep>()) {
    TRY(prepare_mounts(step, *run));
  }
  return {};
}

// Each step that changes the settings keeps its own, and each RUN has the environment in its inputs.
Result<> Preparation::count_settings(const PreparedStep& step) {
  if (step.after != step.before) m_settings += step.after->to_bytes().size();
  if (step.plan->as<recipes::RunStep>()) {
    for (const std::string& variable : step.before->env) m_settings += variable.size();
  }
  if (m_settings <= k_settings_limit) return {};
  return fail(ErrorKind::limit, "the environment and other settings of all steps have together more than {}",
              human_size(k_settings_limit));
}

Result<> Preparation::add(const PlanStep& plan) {
  const recipes::Stage& stage = *m_session.plan.stages[plan.stage].stage;
  PreparedStep step;
  step.plan = &plan;
  step.platform = stage.platform               ? *stage.platform
                  : m_session.options.platform ? *m_session.options.platform
                                               : oci::Platform::host();
  static constexpr const char* k_networks[] = {"none", "host", "private"};
  KeySettings settings{
      .platform = step.platform.to_string(),
      .epoch = m_session.options.current_time ? "kept" : std::to_string(m_session.time.clamp),
      .default_network = k_networks[static_cast<int>(m_session.options.network)]};
  const PreparedStep* parent = plan.parent ? &m_session.steps[*plan.parent] : nullptr;
  const std::string parent_key = parent ? parent->tree_key : "";
  if (plan.is_from()) {
    step.inputs = step_inputs(plan, {}, settings, parent_key);
    TRY(prepare_from(step));
  } else {
    step.before = parent->after;
    step.base = parent->base;
    step.after = config_after(step.before, plan);
    if (step.after != step.before) TRY(check_lists(*step.after));
    TRY(count_settings(step));
    const auto* shell = plan.as<recipes::ShellStep>();
    step.shell = shell ? shell->shell : parent->shell;
    settings.shell = step.shell;
    settings.run = key_inputs(m_session.options.run);
    step.inputs = step_inputs(plan, *step.before, settings, parent_key);
    TRY(prepare_inputs(step));
  }
  step.key = key_digest(step.inputs);
  if (const StartingTree* start = m_session.start_of(plan)) step.key = start->tree_key;
  step.tree_key = parent && !makes_layer(plan) ? parent->tree_key : step.key;
  // Only its layer is independent: the tree after it is also what was below.
  if (is_independent(plan)) step.tree_key = key_digest({{"below", parent->tree_key}, {"layer", step.key}});
  m_session.steps.push_back(std::move(step));
  return {};
}

}  // namespace

Result<> prepare(Session& session) {
  const BuildOptions& options = session.options;
  session.plan = TRY(make_plan(session.recipe, options.target, [&](const std::string& name) {
    const NamedContext* context = find_named_context(options.named_contexts, name);
    return !context ? StandIn::none : context->source.is_image() ? StandIn::image : StandIn::directory;
  }));
  const std::int64_t epoch = options.epoch ? *options.epoch : session.recipe.epoch.value_or(0);
  session.time.clamp = options.current_time ? INT64_MAX : epoch;
  session.time.created = options.current_time ? options.now : epoch;
  Database& database = session.workshop.store().database();
  session.cache = TRY(BuildCache::open(database, session.workshop.layers()));
  if (!options.context_directory.empty()) {
    session.context = TRY(BuildContext::open(options.context_directory, database,
                                             {.name = "",
                                              .ignore = {options.ignore_file, options.recipe_file},
                                              .is_temporary = !options.context_name.empty()}));
  }
  Preparation preparation(session);
  for (const std::string& name : options.no_cache_stages) {
    const auto same = [&](const recipes::Stage& stage) { return stage.name == name; };
    if (std::ranges::none_of(session.recipe.stages, same))
      session.notes.push_back(fmt::format("--no-cache-filter: there is no stage '{}'", printable(name)));
  }
  session.steps.reserve(session.plan.steps.size());  // steps point to each other
  for (const PlanStep& step : session.plan.steps) {
    TRY_WHILE(preparation.add(step), "preparing step {} of stage '{}' ({}), {}:{}", session.number_of(step),
              printable(session.plan.stages[step.stage].stage->name), printable(step.text, 80),
              session.recipe.file, step.location.line);
  }
  if (session.context) TRY(session.context->save(options.now));
  for (auto& [name, named] : session.named) TRY(named.context->save(options.now));
  return {};
}

}  // namespace ecrin::build

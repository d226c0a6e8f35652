#include "build/what_if.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "build/session.hpp"
#include "build/step_fates.hpp"
#include "build/step_traces.hpp"
#include "build/traced_binds.hpp"
#include "build/traced_inputs.hpp"
#include "fs/layer_merge.hpp"

namespace ecrin::build {
namespace {

bool is_in(std::string_view path, std::string_view directory) {
  if (directory.empty()) return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

// Paths of an image: "src/main.c".
struct Changes {
  std::set<std::string, std::less<>> contents;
  std::set<std::string, std::less<>> added;
  bool empty() const { return contents.empty() && added.empty(); }
  void add(const Changes& more) {
    contents.insert(more.contents.begin(), more.contents.end());
    added.insert(more.added.begin(), more.added.end());
  }
};

// What a program that used this would see of the changes; "" = nothing.
std::string seen(const fs::ImageTrace& trace, const Changes& changes) {
  std::set<std::string_view> listed;
  for (const std::string& path : changes.added) listed.insert(parent_of(path));
  for (const fs::TracedPath& used : trace) {
    if (!used.is_there && changes.added.contains(used.path))
      return fmt::format("/{}: it was not there", used.path);
    if (!used.names.empty() && listed.contains(used.path))
      return fmt::format("/{}: the names in it", used.path);
    if (!used.is_there || !changes.contents.contains(used.path)) continue;
    return fmt::format("/{}: its {}", used.path, used.content.empty() ? "size or time" : "content");
  }
  return "";
}

class Forecast {
public:
  Forecast(Session& session, const std::vector<std::string>& paths)
      : m_session(session),
        m_paths(paths),
        m_runs(session.steps.size(), 0),
        m_changes(session.steps.size()) {}

  Result<std::vector<StepForecast>> run() {
    std::vector<StepForecast> forecasts;
    const std::size_t count = m_session.steps.size();
    m_outcomes.assign(count, {});
    m_is_cached.assign(count, 0);
    const auto found = TRY(m_session.cache->find(cache_queries(m_session, steps_without_cache(m_session))));
    for (std::size_t i = 0; i < count; ++i) {
      if (!found[i]) continue;
      m_is_cached[i] = 1;
      m_outcomes[i].layer = found[i]->layer;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (const auto parent = plan(i).parent) m_changes[i] = m_changes[*parent];
      if (!makes_layer(plan(i))) continue;
      const std::string reason = TRY(reason_to_run(i));
      m_runs[i] = reason.empty() ? 0 : 1;
      const StepInfo info{m_session.number_of(plan(i)), count - m_session.starts.size(),
                          m_session.plan.stages[plan(i).stage].stage->name, plan(i).text};
      forecasts.push_back({info, !reason.empty(), reason});
    }
    return forecasts;
  }

private:
  const PlanStep& plan(std::size_t index) const { return m_session.plan.steps[index]; }

  Result<std::string> reason_to_run(std::size_t index) {
    if (!m_is_cached[index]) return "it is not in the cache: it runs in any case";
    const std::string path = selected_path(index);
    if (!path.empty() && uses_traces() && has_traced_binds(m_session.steps[index])) {
      const std::string reason = TRY(reason_on_changed_tree(index));
      if (!reason.empty()) return reason;
    } else if (!path.empty()) {
      Changes& changes = m_changes[index];
      changes.add(plan(index).as<recipes::CopyStep>() ? TRY(copied_changes(index))
                                                      : TRY(all_of_layer(index)));
      return fmt::format("it takes {} from the context", printable(path));
    }
    for (const StepInput& input : plan(index).inputs) {
      if (!input.stage_step || m_changes[*input.stage_step].empty()) continue;
      const std::string reason = TRY(reason_of_input(index, input));
      if (reason.empty()) continue;
      m_changes[index].add(TRY(all_of_layer(index)));
      return reason;
    }
    if (is_independent(plan(index)) || !plan(index).parent) return "";
    if (m_changes[*plan(index).parent].empty() && !runs_below(index)) return "";
    return reason_on_changed_tree(index);
  }

  // That tree has changes.
  Result<std::string> reason_of_input(std::size_t index, const StepInput& input) {
    std::string all = fmt::format("what it takes from '{}' may change", printable(input.name));
    std::vector<TracedInput> inputs = traced_inputs(m_session.steps[index]);
    std::erase_if(inputs, [&](const TracedInput& each) { return each.name != input.name; });
    if (!uses_traces() || inputs.empty()) return all;
    StepTraces traces(m_session.workshop.store().database(), m_session.workshop.layers());
    const auto trace = TRY(traces.of(m_session.steps[index].key));
    if (!trace) return all;
    for (const TracedInput& mounted : inputs) {
      const fs::ImageTrace part = part_of(*trace, mounted);
      if (part.empty()) return all;
      const std::string found = seen(part, m_changes[*input.stage_step]);
      if (!found.empty()) return fmt::format("it used {} (of '{}')", found, printable(input.name));
    }
    return "";
  }

  // Its tree has changes.
  Result<std::string> reason_on_changed_tree(std::size_t index) {
    const bool is_run = plan(index).as<recipes::RunStep>() != nullptr;
    if (!uses_traces() || !is_run) {
      if (is_run) m_changes[index].add(TRY(all_of_layer(index)));
      return "a step before it runs again";
    }
    StepTraces traces(m_session.workshop.store().database(), m_session.workshop.layers());
    const auto trace = TRY(traces.of(m_session.steps[index].key));
    std::string reason = "it is not known what it uses";
    if (trace) {
      reason = seen(*trace, m_changes[*plan(index).parent]);
      if (reason.empty() && has_traced_binds(m_session.steps[index])) reason = seen_in_context(*trace);
      if (reason.empty()) return "";
      reason = "it used " + reason;
    }
    m_changes[index].add(TRY(all_of_layer(index)));
    return reason;
  }

  bool uses_traces() const { return m_session.options.cache == CacheUse::traced; }

  // Of a trace with files of the context (build/traced_binds.hpp).
  std::string seen_in_context(const fs::ImageTrace& trace) const {
    Changes changes;
    for (const std::string& path : m_paths) {
      struct stat status;
      const bool is_there = ::fstatat(m_session.context->root().get(), path.c_str(), &status, 0) == 0;
      (is_there ? changes.contents : changes.added).insert(path);
    }
    fs::ImageTrace files;
    for (const fs::TracedPath& used : trace) {
      if (!used.path.starts_with(k_context_files)) continue;
      fs::TracedPath file = used;
      file.path.erase(0, k_context_files.size());
      for (const std::string& path : changes.contents)
        if (file.is_there && is_in(file.path, path) && !file.content.starts_with("directory"))
          return fmt::format("{} of the context", file.path);
      files.push_back(std::move(file));
    }
    const std::string found = seen(files, {.contents = {}, .added = changes.added});
    return found.empty() ? "" : fmt::format("{} (of the context)", found.substr(1));
  }

  bool runs_below(std::size_t index) const {
    for (auto i = plan(index).parent; i; i = plan(*i).parent)
      if (m_runs[*i]) return true;
    return false;
  }

  // The first of the paths that the step takes from the context; "" = none.
  std::string selected_path(std::size_t index) const {
    const PreparedStep& step = m_session.steps[index];
    const auto in = [&](const Selection& selection) -> std::string {
      for (const SourceItem& item : selection.items) {
        for (const std::string& path : m_paths) {
          if (item.entries.empty()) continue;
          const std::string& own = item.entries.front().path;
          const bool is_below = item.is_directory() ? is_in(path, own) : path == own;
          if ((is_below && !is_left_out(item, path)) || is_in(own, path)) return path;
        }
      }
      return "";
    };
    if (plan(index).as<recipes::CopyStep>() && !plan(index).as<recipes::CopyStep>()->from.empty()) return "";
    if (std::string path = in(step.selection); !path.empty()) return path;
    for (const auto& selection : step.mount_selections)
      if (selection)
        if (std::string path = in(*selection); !path.empty()) return path;
    return "";
  }

  // A file of the context that the item does not have: an ignore file leaves it out.
  bool is_left_out(const SourceItem& item, const std::string& path) const {
    const bool has_any = std::ranges::any_of(item.entries, [&](const SourceEntry& entry) {
      return is_in(entry.path, path) || entry.path == path;
    });
    if (has_any) return false;
    struct stat status;
    return ::fstatat(m_session.context->root().get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  }

  // Where the files of the context go that change, as far as the layer of the copy has them.
  Result<Changes> copied_changes(std::size_t index) {
    const auto& copy = *plan(index).as<recipes::CopyStep>();
    const std::set<std::string, std::less<>> made = (TRY(all_of_layer(index))).contents;
    std::string destination = absolute_path(*m_session.steps[index].before, copy.destination);
    while (destination.starts_with('/')) destination.erase(0, 1);
    while (destination.ends_with('/')) destination.pop_back();
    const auto joined = [&](std::string_view name) {
      return destination.empty() ? std::string(name) : fmt::format("{}/{}", destination, name);
    };
    Changes changes;
    for (const SourceItem& item : m_session.steps[index].selection.items) {
      if (item.entries.empty()) continue;
      const std::string& own = item.entries.front().path;
      for (const std::string& path : m_paths) {
        for (const SourceEntry& entry : item.entries) {
          if (!is_in(entry.path, path) || S_ISDIR(entry.status.st_mode)) continue;
          const std::string_view below = item.relative(entry);
          const std::string target = below.empty() ? joined(base_name(own)) : joined(below);
          // Not where it is thought to be: behind a symlink, say.
          if (made.contains(target))
            changes.contents.insert(target);
          else if (below.empty() && made.contains(destination))
            changes.contents.insert(destination);
          else
            changes.contents.insert(made.begin(), made.end());
        }
        const bool is_new = item.is_directory() && is_in(path, own) && path != own &&
                            std::ranges::none_of(item.entries, [&](const SourceEntry& entry) {
                              return is_in(entry.path, path);
                            });
        if (is_new) changes.added.insert(joined(own.empty() ? path : path.substr(own.size() + 1)));
      }
    }
    return changes;
  }

  Result<Changes> all_of_layer(std::size_t index) {
    Changes changes;
    const auto& layer = m_outcomes[index].layer;
    if (!layer) return changes;
    const std::string path = m_session.workshop.layers().path(*layer);
    for (const fs::MergedPath& made : TRY(fs::list_layer_paths({path}, &m_session.cancel)))
      if (!made.is_directory && made.kind == fs::MergedPath::Kind::written)
        changes.contents.insert(made.path.substr(1));
    return changes;
  }

  Session& m_session;
  const std::vector<std::string>& m_paths;
  std::vector<StepOutcome> m_outcomes;
  std::vector<char> m_is_cached;
  std::vector<char> m_runs;
  std::vector<Changes> m_changes;  // of the tree after each step
};

}  // namespace

Result<std::vector<StepForecast>> what_if(Workshop& workshop, const recipes::Recipe& recipe,
                                          const BuildOptions& options, const std::vector<std::string>& paths,
                                          const CancelToken& cancel) {
  Session session(workshop, recipe, options, cancel);
  TRY(prepare(session));
  if (!session.context)
    return fail(ErrorKind::invalid, "--what-if is about files of the context, and the recipe uses none");
  return Forecast(session, paths).run();
}

}  // namespace ecrin::build

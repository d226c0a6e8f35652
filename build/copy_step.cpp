// COPY, WRITE and WORKDIR: they fill the upper directory themselves, without a container.
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/executor.hpp"

namespace ecrin::build {

Result<Selection> select_for_copy(const SourceTree& tree, const recipes::CopyStep& copy,
                                  const CancelToken* cancel) {
  const IgnoreRules exclude = TRY_WHILE(IgnoreRules::from_patterns(copy.exclude), "reading 'exclude'");
  return copy.parents ? select_with_parents(tree, copy.sources, exclude, cancel)
                      : select_sources(tree, copy.sources, exclude, cancel);
}

void note_unmatched(const Selection& selection, const SourceTree& tree,
                    const std::function<void(const std::string&)>& note) {
  for (const std::string& pattern : selection.unmatched) {
    note(fmt::format("'{}' matches nothing in {}", printable(pattern), tree.name));
  }
}

Result<StepOutcome> execute_copy(Session& session, const StepScope& scope, const recipes::CopyStep& copy) {
  LowerView view(session, scope.below, scope.stop);
  fs::LowerTree lower = TRY(lower_tree(session, scope));
  fs::LayerDraft draft = TRY(session.workshop.layers().draft());
  UpperTree upper(draft.diff(), &lower, file_time(session));
  CopyOptions options = TRY(target_options(session, {copy.owner, copy.mode, copy.mode_change}, view, upper));
  const std::string destination = absolute_path(*scope.step.before, copy.destination);
  if (!copy.files.empty() && copy.sources.size() + copy.files.size() > 1)
    TRY(need_directory_for_several(upper, destination));
  const BuildContext* files = copy.sources.empty() ? nullptr : TRY(session.files_of(copy.from));
  if (files) {
    // Whose checkout it was, and when, leaves no trace.
    options.must_be_unchanged = true;
    TRY(copy_selection(files->tree(), scope.step.selection.items, destination, options, upper, &scope.stop));
  } else if (!copy.from.empty()) {
    const OtherTree other = TRY_WHILE(mount_other(session, scope, copy.from, Access::looking),
                                      "mounting '{}' to copy from it", printable(copy.from));
    const SourceTree tree{&other.root, nullptr, fmt::format("'{}'", printable(copy.from)), ""};
    const Selection selection = TRY(select_for_copy(tree, copy, &scope.stop));
    note_unmatched(selection, tree, scope.note);
    CopyOptions from_other = options;
    from_other.mtime.reset();
    from_other.xattrs = fs::XattrScope::layer;
    if (copy.owner.empty()) from_other.owner.reset();  // a stage's files keep their owners
    TRY(copy_selection(tree, selection.items, destination, from_other, upper, &scope.stop));
  }
  for (const recipes::InlineFile& file : copy.files) {
    TRY(copy_inline_file(file.name, file.content, destination, options, upper));
  }
  TRY(upper.finish());
  return publish_changes(session, std::move(draft), lower, {}, scope.stop);
}

Result<StepOutcome> execute_write(Session& session, const StepScope& scope, const recipes::WriteStep& write) {
  LowerView view(session, scope.below, scope.stop);
  fs::LowerTree lower = TRY(lower_tree(session, scope));
  fs::LayerDraft draft = TRY(session.workshop.layers().draft());
  UpperTree upper(draft.diff(), &lower, file_time(session));
  const auto [uid, gid] = TRY(find_owner(write.owner, view));
  const std::string destination = absolute_path(*scope.step.before, write.destination);
  const RootPath target = TRY(upper.locate(destination));
  if (destination.ends_with('/') || (target.status && S_ISDIR(target.status->st_mode))) {
    return fail(ErrorKind::conflict, "cannot write to '{}': it is a directory", printable(destination));
  }
  const Attributes attributes{.mode = write.mode, .uid = uid, .gid = gid, .mtime = file_time(session)};
  Fd file = TRY(upper.put_file(target.path));
  TRY_WHILE(posix::write_full(file, write.content), "writing '{}'", printable(destination));
  TRY(file.close());
  TRY(upper.seal(target.path, attributes, S_IFREG));
  TRY(upper.finish());
  return publish_changes(session, std::move(draft), lower, {}, scope.stop);
}

Result<StepOutcome> execute_workdir(Session& session, const StepScope& scope,
                                    const recipes::WorkdirStep& workdir) {
  LowerView view(session, scope.below, scope.stop);
  fs::LowerTree lower = TRY(lower_tree(session, scope));
  fs::LayerDraft draft = TRY(session.workshop.layers().draft());
  UpperTree upper(draft.diff(), &lower, file_time(session));
  const std::string path = absolute_path(*scope.step.before, workdir.path);
  const RootPath target = TRY(upper.locate(path));
  if (target.status) {
    if (S_ISDIR(target.status->st_mode)) return StepOutcome{};
    return fail(ErrorKind::conflict, "cannot work in '{}': it is not a directory", printable(path));
  }
  // Docker's rule: the user in force shall be able to work there.
  upper.make_directories_with(0755, TRY(find_owner(scope.step.before->user, view)));
  TRY(upper.make_directory(target.path));
  TRY(upper.finish());
  return publish_changes(session, std::move(draft), lower, {}, scope.stop);
}

}  // namespace ecrin::build

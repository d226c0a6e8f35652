#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"

namespace ecrin::cli {
namespace {

using Getter = const Verb& (*)();

struct NounForm {
  std::string_view word;
  Getter verb;
};
constexpr NounForm k_image_forms[] = {
    {"build", build_verb},
    {"copy", copy_verb},
    {"diff", diff_verb},
    {"exists", exists_verb},
    {"history", history_verb},
    {"import", import_verb},
    {"inspect", inspect_verb},
    {"list", images_verb},
    {"load", load_verb},
    {"ls", images_verb},
    {"mount", image_mount_verb},
    {"prune", prune_verb},
    {"pull", pull_verb},
    {"push", push_verb},
    {"rm", rmi_verb},
    {"save", save_verb},
    {"tag", tag_verb},
    {"umount", image_unmount_verb},
    {"unmount", image_unmount_verb},
    {"untag", untag_verb},
};

constexpr NounForm k_container_forms[] = {
    {"attach", attach_verb},   {"commit", commit_verb}, {"cp", cp_verb},     {"diff", diff_verb},
    {"export", export_verb},   {"create", create_verb}, {"exec", exec_verb}, {"inspect", inspect_verb},
    {"kill", kill_verb},       {"list", ps_verb},       {"logs", logs_verb}, {"ls", ps_verb},
    {"pause", pause_verb},     {"port", port_verb},     {"ps", ps_verb},     {"rename", rename_verb},
    {"restart", restart_verb}, {"rm", rm_verb},         {"run", run_verb},   {"start", start_verb},
    {"stats", stats_verb},     {"stop", stop_verb},     {"top", top_verb},   {"unpause", unpause_verb},
    {"update", update_verb},   {"wait", wait_verb},
};

// The other names of verbs that a noun has.
std::span<const NounForm> forms_of(std::string_view noun) {
  if (noun == "image") return k_image_forms;
  if (noun == "container") return k_container_forms;
  return {};
}

// Other names that people type.
constexpr NounForm k_other_names[] = {{"unmount", umount_verb}};

// Verbs of other tools that people will type, and what is there instead.
struct Missing {
  std::string_view word;
  std::string_view hint;
};
constexpr Missing k_missing[] = {
    {"search",
     "registries have no common way to be searched: 'ecrin pull REGISTRY/NAME' gets an image by its name"},
};

}  // namespace

std::span<const Verb* const> verbs() {
  static const auto all = std::to_array<const Verb*>({
      &build_verb(),
      &debug_verb(),
      &recipe_convert_verb(),
      &run_verb(),
      &shell_verb(),
      &create_verb(),
      &start_verb(),
      &stop_verb(),
      &kill_verb(),
      &restart_verb(),
      &rm_verb(),
      &ps_verb(),
      &wait_verb(),
      &logs_verb(),
      &exec_verb(),
      &attach_verb(),
      &top_verb(),
      &stats_verb(),
      &port_verb(),
      &pause_verb(),
      &unpause_verb(),
      &update_verb(),
      &cp_verb(),
      &rename_verb(),
      &container_prune_verb(),
      &enter_verb(),
      &install_verb(),
      &installed_verb(),
      &uninstall_verb(),
      &images_verb(),
      &tag_verb(),
      &untag_verb(),
      &rmi_verb(),
      &inspect_verb(),
      &history_verb(),
      &diff_verb(),
      &exists_verb(),
      &pull_verb(),
      &push_verb(),
      &copy_verb(),
      &delete_verb(),
      &referrers_verb(),
      &login_verb(),
      &logout_verb(),
      &from_verb(),
      &copy_into_verb(),
      &add_into_verb(),
      &mount_verb(),
      &umount_verb(),
      &commit_verb(),
      &config_verb(),
      &append_verb(),
      &squash_verb(),
      &rebase_verb(),
      &manifest_create_verb(),
      &manifest_add_verb(),
      &manifest_annotate_verb(),
      &manifest_remove_verb(),
      &manifest_inspect_verb(),
      &manifest_exists_verb(),
      &manifest_push_verb(),
      &manifest_rm_verb(),
      &network_create_verb(),
      &network_ls_verb(),
      &network_inspect_verb(),
      &network_exists_verb(),
      &network_rm_verb(),
      &network_prune_verb(),
      &network_connect_verb(),
      &network_disconnect_verb(),
      &save_verb(),
      &load_verb(),
      &export_verb(),
      &import_verb(),
      &image_mount_verb(),
      &image_unmount_verb(),
      &unshare_verb(),
      &volume_create_verb(),
      &volume_exists_verb(),
      &volume_inspect_verb(),
      &volume_ls_verb(),
      &volume_prune_verb(),
      &volume_rm_verb(),
      &runtime_verb(),
      &df_verb(),
      &prune_verb(),
      &info_verb(),
      &doctor_verb(),
      &completion_verb(),
      &version_verb(),
      &help_verb(),
  });
  return all;
}

std::span<const std::string_view> nouns() {
  static constexpr std::array<std::string_view, 6> k_nouns = {"container", "image",  "manifest",
                                                              "network",   "recipe", "volume"};
  return k_nouns;
}

std::vector<std::string_view> words_after(std::string_view noun) {
  std::vector<std::string_view> words;
  for (const NounForm& form : forms_of(noun)) words.push_back(form.word);
  for (const Verb* verb : verbs()) {
    if (verb->name.size() > noun.size() && verb->name.starts_with(noun) && verb->name[noun.size()] == ' ')
      words.push_back(verb->name.substr(noun.size() + 1));
  }
  return words;
}

namespace {

Result<VerbMatch> find_verb_of(const std::string& noun, std::span<const std::string> words) {
  const std::vector<std::string_view> known = words_after(noun);
  if (words.size() < 2 || words[1] == "--help" || words[1] == "-h") {
    const std::vector<std::string> list(known.begin(), known.end());
    return std::unexpected(Error(ErrorKind::invalid, fmt::format("'ecrin {}' needs a verb", noun))
                               .hint("one of " + join(list, ", ")));
  }
  const std::span<const NounForm> forms = forms_of(noun);
  const auto form = std::ranges::find(forms, words[1], &NounForm::word);
  if (form != forms.end()) return VerbMatch{&form->verb(), 2};
  const std::string name = noun + " " + (words[1] == "list" ? "ls" : words[1]);
  for (const Verb* verb : verbs())
    if (verb->name == name) return VerbMatch{verb, 2};
  return std::unexpected(Error(ErrorKind::invalid, fmt::format("unknown verb '{}'", printable(name)))
                             .hint(did_you_mean(words[1], known)));
}

}  // namespace

Result<VerbMatch> find_verb(std::span<const std::string> words) {
  const std::string& word = words.front();
  if (std::ranges::find(nouns(), word) != nouns().end()) return find_verb_of(word, words);
  for (const Verb* verb : verbs()) {
    if (verb->name == word) return VerbMatch{verb, 1};
  }
  const auto other = std::ranges::find(k_other_names, word, &NounForm::word);
  if (other != std::end(k_other_names)) return VerbMatch{&other->verb(), 1};
  Error error(ErrorKind::invalid, fmt::format("unknown verb '{}'", printable(word)));
  if (const auto missing = std::ranges::find(k_missing, word, &Missing::word);
      missing != std::end(k_missing)) {
    return std::unexpected(std::move(error).hint(std::string(missing->hint)));
  }
  std::vector<std::string_view> names(nouns().begin(), nouns().end());
  for (const Verb* verb : verbs()) names.push_back(verb->name);
  std::string hint = did_you_mean(word, names);
  return std::unexpected(
      std::move(error).hint(hint.empty() ? "'ecrin --help' lists the verbs" : std::move(hint)));
}

std::string program_help() {
  std::string text = help_text(program());
  text += "\nVerbs:\n";
  for (const Verb* verb : verbs()) text += fmt::format("  {:<17} {}\n", verb->name, verb->summary);
  text += "\n'ecrin help VERB' says more of one. 'ecrin doctor' tells what this machine can do.\n";
  return text;
}

std::string_view program_version() {
  return ECRIN_VERSION;
}

}  // namespace ecrin::cli

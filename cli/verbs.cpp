#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"

namespace ecrin::cli {
namespace {

using Getter = const Verb& (*)();

struct NamedVerb {
  std::string_view word;
  Getter verb;
};
// All verbs, as they are listed. Only the one that is meant is made: its flags are many.
constexpr NamedVerb k_verbs[] = {
    {"build", build_verb},
    {"debug", debug_verb},
    {"recipe convert", recipe_convert_verb},
    {"run", run_verb},
    {"shell", shell_verb},
    {"create", create_verb},
    {"start", start_verb},
    {"stop", stop_verb},
    {"kill", kill_verb},
    {"restart", restart_verb},
    {"rm", rm_verb},
    {"ps", ps_verb},
    {"wait", wait_verb},
    {"logs", logs_verb},
    {"exec", exec_verb},
    {"attach", attach_verb},
    {"top", top_verb},
    {"stats", stats_verb},
    {"port", port_verb},
    {"pause", pause_verb},
    {"unpause", unpause_verb},
    {"update", update_verb},
    {"cp", cp_verb},
    {"rename", rename_verb},
    {"container prune", container_prune_verb},
    {"enter", enter_verb},
    {"install", install_verb},
    {"installed", installed_verb},
    {"uninstall", uninstall_verb},
    {"images", images_verb},
    {"tag", tag_verb},
    {"untag", untag_verb},
    {"rmi", rmi_verb},
    {"inspect", inspect_verb},
    {"history", history_verb},
    {"trace", trace_verb},
    {"diff", diff_verb},
    {"exists", exists_verb},
    {"pull", pull_verb},
    {"push", push_verb},
    {"copy", copy_verb},
    {"delete", delete_verb},
    {"referrers", referrers_verb},
    {"login", login_verb},
    {"logout", logout_verb},
    {"from", from_verb},
    {"copy-into", copy_into_verb},
    {"add-into", add_into_verb},
    {"mount", mount_verb},
    {"umount", umount_verb},
    {"commit", commit_verb},
    {"config", config_verb},
    {"append", append_verb},
    {"squash", squash_verb},
    {"rebase", rebase_verb},
    {"manifest create", manifest_create_verb},
    {"manifest add", manifest_add_verb},
    {"manifest annotate", manifest_annotate_verb},
    {"manifest remove", manifest_remove_verb},
    {"manifest inspect", manifest_inspect_verb},
    {"manifest exists", manifest_exists_verb},
    {"manifest push", manifest_push_verb},
    {"manifest rm", manifest_rm_verb},
    {"network create", network_create_verb},
    {"network ls", network_ls_verb},
    {"network inspect", network_inspect_verb},
    {"network exists", network_exists_verb},
    {"network rm", network_rm_verb},
    {"network prune", network_prune_verb},
    {"network connect", network_connect_verb},
    {"network disconnect", network_disconnect_verb},
    {"save", save_verb},
    {"load", load_verb},
    {"export", export_verb},
    {"import", import_verb},
    {"image mount", image_mount_verb},
    {"image unmount", image_unmount_verb},
    {"image unused", image_unused_verb},
    {"unshare", unshare_verb},
    {"volume create", volume_create_verb},
    {"volume exists", volume_exists_verb},
    {"volume inspect", volume_inspect_verb},
    {"volume ls", volume_ls_verb},
    {"volume prune", volume_prune_verb},
    {"volume rm", volume_rm_verb},
    {"runtime", runtime_verb},
    {"df", df_verb},
    {"prune", prune_verb},
    {"info", info_verb},
    {"doctor", doctor_verb},
    {"completion", completion_verb},
    {"version", version_verb},
    {"help", help_verb},
};

constexpr NamedVerb k_image_forms[] = {
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

constexpr NamedVerb k_container_forms[] = {
    {"attach", attach_verb},   {"commit", commit_verb}, {"cp", cp_verb},     {"diff", diff_verb},
    {"export", export_verb},   {"create", create_verb}, {"exec", exec_verb}, {"inspect", inspect_verb},
    {"kill", kill_verb},       {"list", ps_verb},       {"logs", logs_verb}, {"ls", ps_verb},
    {"pause", pause_verb},     {"port", port_verb},     {"ps", ps_verb},     {"rename", rename_verb},
    {"restart", restart_verb}, {"rm", rm_verb},         {"run", run_verb},   {"start", start_verb},
    {"stats", stats_verb},     {"stop", stop_verb},     {"top", top_verb},   {"unpause", unpause_verb},
    {"update", update_verb},   {"wait", wait_verb},
};

// The other names of verbs that a noun has.
std::span<const NamedVerb> forms_of(std::string_view noun) {
  if (noun == "image") return k_image_forms;
  if (noun == "container") return k_container_forms;
  return {};
}

// Other names that people type.
constexpr NamedVerb k_other_names[] = {{"unmount", umount_verb}};

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
  static const auto all = [] {
    std::array<const Verb*, std::size(k_verbs)> found{};
    std::ranges::transform(k_verbs, found.begin(), [](const NamedVerb& named) { return &named.verb(); });
    return found;
  }();
  return all;
}

std::span<const std::string_view> nouns() {
  static constexpr std::array<std::string_view, 6> k_nouns = {"container", "image",  "manifest",
                                                              "network",   "recipe", "volume"};
  return k_nouns;
}

std::vector<std::string_view> words_after(std::string_view noun) {
  std::vector<std::string_view> words;
  for (const NamedVerb& form : forms_of(noun)) words.push_back(form.word);
  for (const NamedVerb& named : k_verbs) {
    const std::string_view name = named.word;
    if (name.size() > noun.size() && name.starts_with(noun) && name[noun.size()] == ' ')
      words.push_back(name.substr(noun.size() + 1));
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
  const std::span<const NamedVerb> forms = forms_of(noun);
  const auto form = std::ranges::find(forms, words[1], &NamedVerb::word);
  if (form != forms.end()) return VerbMatch{&form->verb(), 2};
  const std::string name = noun + " " + (words[1] == "list" ? "ls" : words[1]);
  const auto found = std::ranges::find(k_verbs, name, &NamedVerb::word);
  if (found != std::end(k_verbs)) return VerbMatch{&found->verb(), 2};
  return std::unexpected(Error(ErrorKind::invalid, fmt::format("unknown verb '{}'", printable(name)))
                             .hint(did_you_mean(words[1], known)));
}

}  // namespace

Result<VerbMatch> find_verb(std::span<const std::string> words) {
  const std::string& word = words.front();
  if (std::ranges::find(nouns(), word) != nouns().end()) return find_verb_of(word, words);
  const auto found = std::ranges::find(k_verbs, word, &NamedVerb::word);
  if (found != std::end(k_verbs)) return VerbMatch{&found->verb(), 1};
  const auto other = std::ranges::find(k_other_names, word, &NamedVerb::word);
  if (other != std::end(k_other_names)) return VerbMatch{&other->verb(), 1};
  Error error(ErrorKind::invalid, fmt::format("unknown verb '{}'", printable(word)));
  if (const auto missing = std::ranges::find(k_missing, word, &Missing::word);
      missing != std::end(k_missing)) {
    return std::unexpected(std::move(error).hint(std::string(missing->hint)));
  }
  std::vector<std::string_view> names(nouns().begin(), nouns().end());
  for (const NamedVerb& named : k_verbs) names.push_back(named.word);
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
